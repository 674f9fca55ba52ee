//! A connection to a PostgreSQL server, used by one thread at a time, which waits for each answer. A connection that is
//! lost is opened anew at its next use, but never within a transaction. It knows no noun.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as _;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use super::connection::{Parameter, Row};
use super::dialect;
use super::error::StoreError;
pub use super::postgres_address::PostgresAddress;

/// How long the server may take to answer one statement, however long the lease is, and however short.
const PATIENCE: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_secs(30);
/// How long it may take to change what a table looks like.
const PATIENCE_WITH_SHAPES: Duration = Duration::from_secs(24 * 3_600);
/// How long it may take to say that a lease is renewed: it must be found out in time that it is not.
const PATIENCE_OF_MEMBERS: Duration = Duration::from_secs(3);
/// Rows that are fetched at once when it is not known how many will be looked at.
const FETCHED_AT_ONCE: usize = 200;

/// Lines of what others tell that are taken in at once.
const LINES_AT_ONCE: usize = 1_000;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Whatever changes anything.
    Writing,
    /// Questions.
    Reading,
    /// Changing what the tables look like, which may take as long as it takes.
    Shaping,
    /// Living among the nodes, and hearing what they tell.
    Membership,
}

impl Use {
    /// How long the server may take to answer one statement. Whoever waits longer than a lease holds has lost it anyway.
    fn patience(self, lease: Duration) -> Duration {
        match self {
            Self::Writing | Self::Reading => lease.clamp(*PATIENCE.start(), *PATIENCE.end()),
            Self::Shaping => PATIENCE_WITH_SHAPES,
            Self::Membership => PATIENCE_OF_MEMBERS,
        }
    }

    /// What is said on every new connection. Whoever writes finds rows by their keys; the planner, which may not have
    /// seen a table grow, must not think of reading all of it, nor plan anew for each batch. Where the line is dead, the
    /// server lets go of what an unfinished transaction has locked when nobody waits for it any more.
    fn settings(self, patience: Duration) -> String {
        const WRITES: &str = "SET jit = off; SET client_min_messages = warning; SET enable_seqscan = off;
            SET plan_cache_mode = force_generic_plan";
        let (patience, less) = (patience.as_millis(), patience.as_millis() * 3 / 4);
        match self {
            Self::Writing => {
                format!("{WRITES}; SET idle_in_transaction_session_timeout = {patience}; SET lock_timeout = {less}")
            }
            Self::Reading => {
                format!("SET jit = off; SET default_transaction_read_only = on; SET statement_timeout = {less}")
            }
            Self::Shaping => "SET client_min_messages = warning".to_owned(),
            Self::Membership => format!(
                "{WRITES}; SET idle_in_transaction_session_timeout = {patience}; SET lock_timeout = {less};
                 SET synchronous_commit = on; LISTEN cornet"
            ),
        }
    }
}

/// Whether the rows of a query come at once or little by little.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    AtOnce,
    Stepwise,
}

/// A prepared statement is known by where its text lies in the program.
type Place = (usize, usize, Way);

/// A connection that is open.
struct Session {
    client: Client,
    patience: Duration,
    ended: AtomicBool,
    /// A transaction begins with the next statement, in one message.
    begins: AtomicBool,
    /// The connection is driven while an answer is waited for, by whoever waits.
    runtime: Option<Runtime>,
    prepared: Mutex<HashMap<Place, Statement>>,
    /// What others have told through the server.
    told: Mutex<mpsc::UnboundedReceiver<String>>,
}

impl Session {
    fn open(address: &PostgresAddress, for_use: Use, patience: Duration) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (client, told) = runtime.block_on(address.connect())?;
        let session = Self {
            client,
            patience,
            ended: AtomicBool::new(false),
            begins: AtomicBool::new(false),
            runtime: Some(runtime),
            prepared: Mutex::default(),
            told: Mutex::new(told),
        };
        session.wait(session.client.batch_execute(&for_use.settings(patience)))?;
        Ok(session)
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StoreError> {
        let runtime = self.runtime.as_ref().ok_or_else(|| gone("it is closed"))?;
        let begins = self.begins.swap(false, Ordering::Relaxed);
        let answer = async {
            if !begins {
                return answer.await;
            }
            let (begun, answer) = tokio::join!(biased; self.client.batch_execute("BEGIN"), answer);
            begun.and(answer)
        };
        let waiting = runtime.block_on(async { tokio::time::timeout(self.patience, answer).await });
        let answer = waiting.map_err(|_| gone("the database does not answer"))?;
        if let Err(error) = &answer {
            // A server that ends says so, or just hangs up.
            let says_so = error.code().is_some_and(says_goodbye);
            self.ended.fetch_or(says_so || error.is_closed(), Ordering::Relaxed);
        }
        Ok(answer?)
    }

    /// What has been told meanwhile, waited for until `until` comes to pass.
    fn hear(&self, until: impl Future<Output = ()>) -> Result<Vec<String>, StoreError> {
        let runtime = self.runtime.as_ref().ok_or_else(|| gone("it is closed"))?;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        let heard = runtime.block_on(async {
            tokio::select! {
                () = until => true,
                count = told.recv_many(&mut lines, LINES_AT_ONCE) => count > 0,
            }
        });
        if heard { Ok(lines) } else { Err(gone("the server has hung up")) }
    }

    /// Whether the server has hung up; then what was asked last has not been done, unless it was a commit.
    fn has_ended(&self) -> bool {
        self.client.is_closed() || self.ended.load(Ordering::Relaxed)
    }

    fn prepared(&self, sql: &'static str, way: Way) -> Result<Statement, StoreError> {
        let place = (sql.as_ptr() as usize, sql.len(), way);
        // Nothing panics while it holds the lock.
        let known = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statement) = known().get(&place) {
            return Ok(statement.clone());
        }
        let text = dialect::for_postgres(sql);
        let text = match way {
            Way::AtOnce => text,
            Way::Stepwise => format!("DECLARE {} NO SCROLL CURSOR FOR {text}", cursor(sql)),
        };
        let statement = self.wait(self.client.prepare(&text))?;
        known().insert(place, statement.clone());
        Ok(statement)
    }
}

/// The name of the cursor that steps through the rows of a query.
fn cursor(sql: &'static str) -> String {
    format!("cursor_{:x}_{}", sql.as_ptr() as usize, sql.len())
}

/// Whether the server hangs up after it has said this.
fn says_goodbye(code: &SqlState) -> bool {
    code.code().starts_with("57P") || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
}

fn gone(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

impl Drop for Session {
    fn drop(&mut self) {
        // Nothing blocking is left in it; an ordinary end would wait, which asynchronous code must not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One connection.
pub struct Postgres {
    address: Arc<PostgresAddress>,
    for_use: Use,
    patience: Duration,
    session: RefCell<Option<Arc<Session>>>,
    transaction: Cell<Transaction>,
    opened: Cell<usize>,
}

/// How far a transaction is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    /// There is none.
    None,
    /// It begins with the next statement.
    Asked,
    /// Every statement so far was taken.
    Whole,
    /// A statement was refused: nothing of it may be kept.
    Broken,
}

impl Postgres {
    /// Connects to the server, for a node that lives on such a lease.
    pub(super) fn connect(address: Arc<PostgresAddress>, for_use: Use, lease: Duration) -> Result<Self, StoreError> {
        let patience = for_use.patience(lease);
        let session = RefCell::new(Some(Arc::new(Session::open(&address, for_use, patience)?)));
        let (transaction, opened) = (Cell::new(Transaction::None), Cell::new(1));
        Ok(Self { address, for_use, patience, session, transaction, opened })
    }

    /// The open connection, which is opened anew if it was lost and nothing is half done.
    fn session(&self) -> Result<Arc<Session>, StoreError> {
        if let Some(open) = self.session.borrow().as_ref().filter(|session| !session.has_ended()) {
            return Ok(open.clone());
        }
        if self.is_under_way() {
            return Err(gone("the connection was lost within a transaction"));
        }
        let opened = Arc::new(Session::open(&self.address, self.for_use, self.patience)?);
        *self.session.borrow_mut() = Some(opened.clone());
        self.opened.set(self.opened.get() + 1);
        Ok(opened)
    }

    /// Whether a transaction has begun and not ended.
    fn is_under_way(&self) -> bool {
        matches!(self.transaction.get(), Transaction::Whole | Transaction::Broken)
    }

    /// How often it was opened: what was told in between has not been heard.
    pub(super) fn opened(&self) -> usize {
        self.opened.get()
    }

    /// What others have told through the server, waited for until `until` comes to pass. It does not open a lost connection.
    pub(super) fn hear(&self, until: impl Future<Output = ()>) -> Result<Vec<String>, StoreError> {
        let open = self.session.borrow().as_ref().filter(|session| !session.has_ended()).cloned();
        let heard = open.ok_or_else(|| gone("the connection was lost"))?.hear(until);
        if heard.is_err() {
            self.session.borrow_mut().take();
        }
        heard
    }

    /// Works with the open connection; what fails spoils the transaction that it is part of. Outside of one, `work` is a
    /// question or a beginning, and is tried once more where the server had hung up since the last one.
    fn with<T>(&self, work: impl Fn(&Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let begins = self.transaction.get() == Transaction::Asked;
        let attempt = || {
            let session = self.session()?;
            session.begins.store(begins, Ordering::Relaxed);
            let done = work(&session);
            Ok::<_, StoreError>((done, session.has_ended()))
        };
        let (mut done, has_ended) = attempt()?;
        if done.is_err() && has_ended && !self.is_under_way() {
            done = attempt()?.0;
        }
        if begins {
            self.transaction.set(Transaction::Whole);
        }
        if let Err(error) = &done {
            if self.transaction.get() == Transaction::Whole {
                self.transaction.set(Transaction::Broken);
            }
            if matches!(error, StoreError::Unavailable(_)) {
                self.session.borrow_mut().take();
            }
        }
        done
    }

    /// Runs statements that take no parameters and answer nothing.
    pub(super) fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.with(|session| session.wait(session.client.batch_execute(sql)))
    }

    /// Begins a transaction: the server is told with the first statement.
    pub(super) fn begin(&self) {
        self.transaction.set(Transaction::Asked);
    }

    /// Ends the transaction and keeps what it did. The server would answer the same to a broken one and keep nothing.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        match self.transaction.get() {
            Transaction::Broken => {
                let why = "the transaction was spoiled by a statement that was refused";
                return Err(StoreError::Database(why.to_owned()));
            }
            Transaction::Whole => self.run("COMMIT")?,
            // Nothing was done.
            Transaction::None | Transaction::Asked => {}
        }
        self.transaction.set(Transaction::None);
        Ok(())
    }

    /// Ends the transaction as if it had never begun. With the connection gone it has ended already.
    pub(super) fn roll_back(&self) {
        let open = self.session.borrow().is_some();
        if open && self.is_under_way() && self.run("ROLLBACK").is_err() {
            self.session.borrow_mut().take();
        }
        self.transaction.set(Transaction::None);
    }

    /// Runs one statement and says how many rows it changed.
    pub(super) fn execute(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<usize, StoreError> {
        self.with(|session| {
            let statement = session.prepared(sql, Way::AtOnce)?;
            let changed = session.wait(session.client.execute_raw(&statement, parameters.iter().copied()))?;
            Ok(usize::try_from(changed).unwrap_or(usize::MAX))
        })
    }

    /// Runs a statement whose parameters are arrays, one for each column of these rows, and gives the rows that it
    /// answers.
    pub(super) fn query_columns(
        &self,
        sql: &'static str,
        columns: &[Vec<Parameter<'_>>],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        self.with(|session| {
            let statement = session.prepared(sql, Way::AtOnce)?;
            session.wait(async {
                let rows = session.client.query_raw(&statement, columns).await?;
                rows.try_collect().await
            })
        })
    }

    /// Runs one query and gives all its rows.
    pub(super) fn query(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        self.with(|session| {
            let statement = session.prepared(sql, Way::AtOnce)?;
            session.wait(async {
                let rows = session.client.query_raw(&statement, parameters.iter().copied()).await?;
                rows.try_collect().await
            })
        })
    }

    /// Runs one query and shows its rows to `look` until it says that it has seen enough. Further statements may be run
    /// meanwhile.
    pub(super) fn visit(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        look: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        // A cursor lives in a transaction.
        if self.transaction.get() != Transaction::None {
            return self.step_through(sql, parameters, look);
        }
        self.begin();
        let done = self.step_through(sql, parameters, look).and_then(|()| self.commit());
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    /// How the server would answer a query whose parameters it does not know, step by step.
    #[cfg(test)]
    pub(super) fn plan(&self, sql: &'static str) -> Result<Vec<String>, StoreError> {
        use tokio_postgres::SimpleQueryMessage;
        self.with(|session| {
            let statement = session.prepared(sql, Way::AtOnce)?;
            let given = vec!["NULL"; statement.params().len()].join(", ");
            let given = if given.is_empty() { given } else { format!("({given})") };
            session
                .wait(session.client.batch_execute(&format!("PREPARE planned AS {}", dialect::for_postgres(sql))))?;
            let said = session.wait(session.client.simple_query(&format!("EXPLAIN EXECUTE planned{given}")));
            session.wait(session.client.batch_execute("DEALLOCATE planned"))?;
            let step = |message: &SimpleQueryMessage| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            };
            Ok(said?.iter().filter_map(step).collect())
        })
    }

    fn step_through(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        mut look: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let (fetch, close) =
            (format!("FETCH {FETCHED_AT_ONCE} FROM {}", cursor(sql)), format!("CLOSE {}", cursor(sql)));
        let mut rows = self.with(|session| {
            let declare = session.prepared(sql, Way::Stepwise)?;
            session.wait(async {
                let declared = session.client.execute_raw(&declare, parameters.iter().copied());
                let fetched = session.client.query_typed(&fetch, &[]);
                Ok(tokio::try_join!(biased; declared, fetched)?.1)
            })
        })?;
        loop {
            for row in &rows {
                if look(&Row::Postgres(row))?.is_break() {
                    return self.run(&close);
                }
            }
            if rows.len() < FETCHED_AT_ONCE {
                return self.run(&close);
            }
            rows = self.with(|session| session.wait(session.client.query_typed(&fetch, &[])))?;
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        // The text of an error of the server's may quote a value; its message and code say enough.
        let Some(said) = error.as_db_error() else {
            let why = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
            // What could not be put into a statement is a fault of Cornet's; anything else here is the connection's.
            return if why.contains("serializing") { Self::Database(why) } else { Self::Unavailable(why) };
        };
        let (code, why) = (said.code(), format!("{} ({})", said.message(), said.code().code()));
        match code.code().get(..2) {
            _ if *code == SqlState::DISK_FULL => Self::Full,
            _ if [SqlState::QUERY_CANCELED, SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::LOCK_NOT_AVAILABLE]
                .contains(code)
                || says_goodbye(code) =>
            {
                Self::Unavailable(why)
            }
            Some("40") => Self::Contended(why),
            // Another node was quicker; whoever looks again sees what it made.
            _ if *code == SqlState::UNIQUE_VIOLATION => Self::Contended(why),
            Some("08" | "28" | "3D" | "53" | "57") => Self::Unavailable(why),
            Some("XX") => Self::Corrupt(why),
            _ => Self::Database(why),
        }
    }
}
