//! A connection to a PostgreSQL server, used by one thread at a time, which waits for each answer. A connection that is
//! lost is opened anew at its next use, but never within a transaction. It knows no noun.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement};

use super::connection::{Parameter, Row};
use super::dialect;
use super::error::StoreError;
pub use super::postgres_address::PostgresAddress;

/// How long the server may take to answer one statement.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to change what a table looks like.
const PATIENCE_WITH_SHAPES: Duration = Duration::from_secs(24 * 3_600);
/// How long it may take to say that a lease is renewed: it must be found out in time that it is not.
const PATIENCE_OF_MEMBERS: Duration = Duration::from_secs(3);
/// Rows that are fetched at once when it is not known how many will be looked at.
const FETCHED_AT_ONCE: usize = 200;

/// Lines of what others tell that are taken in at once.
const LINES_AT_ONCE: usize = 1_000;

/// Stands for the one character that a server's texts can't hold: a code point that is never given to any.
const NUL: &str = "\u{fdd0}";

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
    /// What is said on every new connection. Whoever writes finds rows by their keys; the planner, which may not have
    /// seen a table grow, must not think of reading all of it, nor plan anew for each batch.
    const fn settings(self) -> &'static str {
        match self {
            Self::Writing => {
                "SET jit = off; SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '20s';
                 SET client_min_messages = warning;
                 SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
            }
            Self::Reading => "SET jit = off; SET default_transaction_read_only = on; SET statement_timeout = '25s'",
            Self::Shaping => "SET client_min_messages = warning",
            Self::Membership => {
                "SET jit = off; SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '2s';
                 SET client_min_messages = warning; SET synchronous_commit = on;
                 SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; LISTEN cornet"
            }
        }
    }

    /// How long the server may take to answer one statement.
    const fn patience(self) -> Duration {
        match self {
            Self::Writing | Self::Reading => PATIENCE,
            Self::Shaping => PATIENCE_WITH_SHAPES,
            Self::Membership => PATIENCE_OF_MEMBERS,
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
    /// The connection is driven while an answer is waited for, by whoever waits.
    runtime: Option<Runtime>,
    prepared: Mutex<HashMap<Place, Statement>>,
    /// What others have told through the server.
    told: Mutex<mpsc::UnboundedReceiver<String>>,
}

impl Session {
    fn open(address: &PostgresAddress, for_use: Use) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (client, told) = runtime.block_on(address.connect())?;
        let patience = for_use.patience();
        let session = Self {
            client,
            patience,
            ended: AtomicBool::new(false),
            runtime: Some(runtime),
            prepared: Mutex::default(),
            told: Mutex::new(told),
        };
        session.wait(session.client.batch_execute(for_use.settings()))?;
        Ok(session)
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StoreError> {
        let runtime = self.runtime.as_ref().ok_or_else(|| gone("it is closed"))?;
        let waiting = runtime.block_on(async { tokio::time::timeout(self.patience, answer).await });
        let answer = waiting.map_err(|_| gone("the database does not answer"))?;
        if let Err(error) = &answer {
            // A server that ends says so, or just hangs up.
            let says_so = error.code().is_some_and(|code| code.code().starts_with("57P"));
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
    session: RefCell<Option<Arc<Session>>>,
    transaction: Cell<Transaction>,
    opened: Cell<usize>,
}

/// How far a transaction is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    /// There is none.
    None,
    /// Every statement so far was taken.
    Whole,
    /// A statement was refused: nothing of it may be kept.
    Broken,
}

impl Postgres {
    /// Connects to the server.
    pub(super) fn connect(address: Arc<PostgresAddress>, for_use: Use) -> Result<Self, StoreError> {
        let session = Session::open(&address, for_use)?;
        let session = RefCell::new(Some(Arc::new(session)));
        Ok(Self { address, for_use, session, transaction: Cell::new(Transaction::None), opened: Cell::new(1) })
    }

    /// The open connection, which is opened anew if it was lost and nothing is half done.
    fn session(&self) -> Result<Arc<Session>, StoreError> {
        if let Some(open) = self.session.borrow().as_ref().filter(|session| !session.has_ended()) {
            return Ok(open.clone());
        }
        if self.transaction.get() != Transaction::None {
            return Err(gone("the connection was lost within a transaction"));
        }
        let opened = Arc::new(Session::open(&self.address, self.for_use)?);
        *self.session.borrow_mut() = Some(opened.clone());
        self.opened.set(self.opened.get() + 1);
        Ok(opened)
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
        let session = self.session()?;
        let mut done = work(&session);
        if done.is_err() && session.has_ended() && self.transaction.get() == Transaction::None {
            done = work(&*self.session()?);
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

    /// Begins a transaction.
    pub(super) fn begin(&self) -> Result<(), StoreError> {
        self.run("BEGIN")?;
        self.transaction.set(Transaction::Whole);
        Ok(())
    }

    /// Ends the transaction and keeps what it did. The server would answer the same to a broken one and keep nothing.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        if self.transaction.get() == Transaction::Broken {
            return Err(StoreError::Database("the transaction was spoiled by a statement that was refused".to_owned()));
        }
        self.run("COMMIT")?;
        self.transaction.set(Transaction::None);
        Ok(())
    }

    /// Ends the transaction as if it had never begun. With the connection gone it has ended already.
    pub(super) fn roll_back(&self) {
        let open = self.session.borrow().is_some();
        if open && self.run("ROLLBACK").is_err() {
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
        self.begin()?;
        let done = self.step_through(sql, parameters, look).and_then(|()| self.commit());
        if done.is_err() {
            self.roll_back();
        }
        done
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

impl ToSql for Parameter<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *wanted == Type::INT8 => number.to_sql(wanted, out),
            Self::Integer(number) if *wanted == Type::INT4 => i32::try_from(*number)?.to_sql(wanted, out),
            Self::Integer(number) if *wanted == Type::BOOL => (*number != 0).to_sql(wanted, out),
            Self::Text(text) if *wanted == Type::TEXT && text.contains('\0') => {
                text.replace('\0', NUL).to_sql(wanted, out)
            }
            Self::Text(text) if *wanted == Type::TEXT => text.to_sql(wanted, out),
            Self::Blob(bytes) if *wanted == Type::BYTEA => bytes.to_sql(wanted, out),
            _ => Err(format!("{self:?} was given where the database wants {wanted}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// What a column holds, as the embedded database would give it: truths are numbers too, and an absent value is of any
/// kind.
pub struct Plain<T>(pub T);

impl FromSql<'_> for Plain<i64> {
    fn from_sql(kind: &Type, raw: &[u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(match *kind {
            Type::INT8 => i64::from_sql(kind, raw)?,
            Type::INT4 => i32::from_sql(kind, raw)?.into(),
            Type::BOOL => bool::from_sql(kind, raw)?.into(),
            _ => return Err(format!("it is {kind} and no number").into()),
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl FromSql<'_> for Plain<String> {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(str::from_utf8(raw)?.replace(NUL, "\0")))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl FromSql<'_> for Plain<Vec<u8>> {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
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
            _ if *code == SqlState::QUERY_CANCELED || *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
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
