//! What the bad receiver can do, one line for each: a name, what a person reads of it, what Cornet records of it, and the
//! script that is played. A script is data; who plays it is next door.

use std::time::Duration;

use crate::domain::attempt::AttemptErrorCode;

/// One way to misbehave.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// The path that asks for it, or, for those of TLS, the first part of the host name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub does: &'static str,
    /// What a sender is to make of it.
    pub outcome: Outcome,
    /// How much of a request is read first.
    pub(super) reads: Reads,
    /// What is done then; the connection is closed at its end.
    pub(super) script: &'static [Step],
}

/// What one attempt comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message was taken.
    Delivered,
    /// It failed with this status.
    Status(u16),
    /// There was no answer, for this reason.
    Failed(AttemptErrorCode),
}

/// What is read before the script begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// The whole request.
    Request,
    /// Its first line, and nothing after it.
    Line,
    /// The first message of a TLS handshake.
    Hello,
}

/// One thing that is done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Says these bytes.
    Say(&'static [u8]),
    /// Says them so many times.
    Repeat(&'static [u8], u32),
    /// Says them again and again until the other end has had enough.
    Flood(&'static [u8]),
    /// The same, with a pause after each time.
    Drip(&'static [u8]),
    /// Waits.
    Wait(Duration),
    /// Says nothing more until the other end leaves.
    Stay,
    /// Says that nothing more will come, and goes on listening.
    HalfClose,
    /// Cuts the connection instead of closing it.
    Reset,
}

use AttemptErrorCode::{
    ConnectionClosed, ConnectionReset, ResponseHeadTooLarge, ResponseInvalid, Timeout, TlsError, TlsNoSharedCipher,
    TlsTimeout,
};
use Outcome::{Delivered, Failed, Status};
use Step::{Drip, Flood, HalfClose, Repeat, Reset, Say, Stay, Wait};

/// A behaviour that begins once the whole request is read.
const fn after(name: &'static str, does: &'static str, outcome: Outcome, script: &'static [Step]) -> Behaviour {
    Behaviour { name, does, outcome, reads: Reads::Request, script }
}

/// A behaviour of TLS.
const fn tls(name: &'static str, does: &'static str, code: AttemptErrorCode, script: &'static [Step]) -> Behaviour {
    Behaviour { name, does, outcome: Failed(code), reads: Reads::Hello, script }
}

/// A behaviour that begins once the request's first line is read; the rest is left unread.
const fn unread(name: &'static str, does: &'static str, outcome: Outcome, script: &'static [Step]) -> Behaviour {
    Behaviour { name, does, outcome, reads: Reads::Line, script }
}

const LATE: Duration = Duration::from_secs(90);
const LINE_1000: &[u8] = b"x-many: 0123456789\r\n";
const KILOBYTE: &[u8; 1024] = &[b'x'; 1024];
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const HALF_A_BODY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it";
/// The start of a packed body, and a piece of it that unpacks to 2064 zeros, as often as it comes.
const PACKED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n\
    \x1f\x8b\x08\0\0\0\0\0\0\x03\x63\x18";
const PACKED_ZEROS: &[u8] = b"\x05\xa3\x60\x14\x8c\x82\x51\x30\x0a\x46\xc1\x28\x18";

/// Everything that the bad receiver can do.
pub const BEHAVIOURS: &[Behaviour] = &[
    after("ok", "answers 200, as it should", Delivered, &[Say(OK)]),
    // It never comes to an end.
    after("never-answers", "reads the request and says nothing", Failed(Timeout), &[Stay]),
    unread("never-reads", "stops reading after the first line", Failed(Timeout), &[Stay]),
    after(
        "late",
        "answers 204 after a minute and a half",
        Failed(Timeout),
        &[Wait(LATE), Say(b"HTTP/1.1 204 No\r\n\r\n")],
    ),
    after(
        "drip-headers",
        "sends its headers one letter at a time",
        Failed(Timeout),
        &[Say(b"HTTP/1.1 200 OK\r\nx-drip: "), Drip(b"a")],
    ),
    after(
        "drip-status",
        "sends its first line one letter at a time",
        Failed(Timeout),
        &[Say(b"HTTP/1.1 200 "), Drip(b"a")],
    ),
    after(
        "drip-body",
        "sends its body one letter at a time",
        Delivered,
        &[Say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"), Drip(b"a")],
    ),
    after("hang-body", "sends half of its body and says no more", Delivered, &[Say(HALF_A_BODY), Stay]),
    after(
        "continue-for-ever",
        "says 100 Continue again and again",
        Failed(ResponseHeadTooLarge),
        &[Flood(b"HTTP/1.1 100 Continue\r\n\r\n")],
    ),
    after(
        "hints-for-ever",
        "says 103 Early Hints again and again",
        Failed(ResponseHeadTooLarge),
        &[Flood(b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n")],
    ),
    // It is too much.
    after(
        "huge-body",
        "promises ten gigabytes and sends them",
        Delivered,
        &[Say(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n"), Flood(KILOBYTE)],
    ),
    after(
        "endless-body",
        "sends a body without a length and without an end",
        Delivered,
        &[Say(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"), Flood(KILOBYTE)],
    ),
    after("endless-chunks", "sends chunks without an end", Delivered, &[Say(CHUNKED), Flood(b"4\r\nwxyz\r\n")]),
    after(
        "huge-chunk",
        "announces a chunk larger than any number",
        Delivered,
        &[Say(CHUNKED), Say(b"fffffffffffffffffff\r\n"), Flood(KILOBYTE)],
    ),
    after(
        "chunk-extensions",
        "sends one chunk with an extension that never ends",
        Delivered,
        &[Say(CHUNKED), Say(b"4;ext="), Flood(b"aaaaaaaaaaaaaaaa")],
    ),
    after(
        "endless-trailers",
        "sends trailers without an end",
        Delivered,
        &[Say(CHUNKED), Say(b"2\r\nok\r\n0\r\n"), Flood(LINE_1000)],
    ),
    after(
        "many-headers",
        "sends ten thousand headers",
        Failed(ResponseHeadTooLarge),
        &[Say(b"HTTP/1.1 200 OK\r\n"), Repeat(LINE_1000, 10_000), Say(b"\r\n")],
    ),
    after(
        "hundred-and-one-headers",
        "sends one header too many",
        Failed(ResponseHeadTooLarge),
        &[Say(b"HTTP/1.1 200 OK\r\n"), Repeat(LINE_1000, 101), Say(b"\r\n")],
    ),
    after(
        "long-header",
        "sends a header of a megabyte",
        Failed(ResponseHeadTooLarge),
        &[Say(b"HTTP/1.1 200 OK\r\nx-long: "), Repeat(KILOBYTE, 1024), Say(b"\r\n\r\n")],
    ),
    after(
        "rather-long-header",
        "sends a header of seventy kilobytes",
        Failed(ResponseHeadTooLarge),
        &[Say(b"HTTP/1.1 200 OK\r\nx-long: "), Repeat(KILOBYTE, 70), Say(b"\r\ncontent-length: 0\r\n\r\n")],
    ),
    after(
        "long-status",
        "sends a first line without an end",
        Failed(ResponseHeadTooLarge),
        &[Say(b"HTTP/1.1 200 "), Flood(KILOBYTE)],
    ),
    after(
        "gzip-bomb",
        "sends a packed body that unpacks to 158 times as much, without an end",
        Delivered,
        &[Say(PACKED), Flood(PACKED_ZEROS)],
    ),
    after(
        "gzip-garbage",
        "says that its body is packed, which it is not",
        Delivered,
        &[Say(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip, br, zstd\r\ncontent-length: 4\r\n\r\n\xff\0no")],
    ),
    // It breaks off.
    after("close-before-answer", "closes once it has the request", Failed(ConnectionClosed), &[]),
    after(
        "close-in-head",
        "closes in the middle of its headers",
        Failed(ConnectionClosed),
        &[Say(b"HTTP/1.1 200 OK\r\nx-half")],
    ),
    after("close-in-body", "closes in the middle of its body", Delivered, &[Say(HALF_A_BODY)]),
    after(
        "close-after-continue",
        "says 100 Continue and closes",
        Failed(ConnectionClosed),
        &[Say(b"HTTP/1.1 100 Continue\r\n\r\n")],
    ),
    after(
        "half-close",
        "says that nothing will come, and goes on listening",
        Failed(ConnectionClosed),
        &[HalfClose, Stay],
    ),
    unread("reset-unread", "cuts the connection with the request unread", Failed(ConnectionReset), &[Reset]),
    after("reset-before-answer", "cuts the connection once it has the request", Failed(ConnectionReset), &[Reset]),
    after(
        "reset-in-head",
        "cuts the connection in the middle of its headers",
        Failed(ConnectionReset),
        &[Say(b"HTTP/1.1 200 OK\r\nx-half"), Reset],
    ),
    after(
        "reset-in-body",
        "cuts the connection in the middle of its body",
        Delivered,
        &[Say(HALF_A_BODY), Wait(Duration::from_millis(50)), Reset],
    ),
    // It does not speak HTTP.
    after(
        "garbage",
        "answers with bytes that mean nothing",
        Failed(ResponseInvalid),
        &[Say(b"\x00\x9f\x92\x96\xff\xfe\r\n\r\n\x01\x02")],
    ),
    after("ssh", "greets like an SSH server", Failed(ResponseInvalid), &[Say(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), Stay]),
    after(
        "no-head",
        "answers with a page and no headers",
        Failed(ResponseInvalid),
        &[Say(b"<html><body>ok</body></html>\r\n")],
    ),
    after(
        "http2",
        "answers with an HTTP/2 frame",
        Failed(ResponseInvalid),
        &[Say(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"), Stay],
    ),
    after("bad-version", "answers as HTTP/9.9", Failed(ResponseInvalid), &[Say(b"HTTP/9.9 200 OK\r\n\r\n")]),
    after(
        "bad-status",
        "answers with a status that is no number",
        Failed(ResponseInvalid),
        &[Say(b"HTTP/1.1 2x0 OK\r\n\r\n")],
    ),
    after(
        "two-lengths",
        "gives its body two lengths",
        Failed(ResponseInvalid),
        &[Say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 99\r\n\r\nok")],
    ),
    after(
        "bad-chunk",
        "sends a chunk with a length that is no number",
        Delivered,
        &[Say(CHUNKED), Say(b"no\r\nok\r\n")],
    ),
    // It answers, and would rather be misunderstood.
    after(
        "redirect",
        "leads to a cloud's metadata service",
        Status(302),
        &[Say(
            b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/\r\ncontent-length: 0\r\n\r\n",
        )],
    ),
    after(
        "redirect-to-itself",
        "leads to itself",
        Status(308),
        &[Say(b"HTTP/1.1 308 There\r\nlocation: /redirect-to-itself\r\ncontent-length: 0\r\n\r\n")],
    ),
    after(
        "redirect-nowhere",
        "leads somewhere and does not say where",
        Status(301),
        &[Say(b"HTTP/1.1 301 Moved\r\ncontent-length: 0\r\n\r\n")],
    ),
    after("not-modified", "says that nothing has changed", Status(304), &[Say(b"HTTP/1.1 304 Not Modified\r\n\r\n")]),
    after(
        "upgrade",
        "would rather speak another protocol",
        Status(101),
        &[Say(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n")],
    ),
    after(
        "gone",
        "says that it is gone for good",
        Status(410),
        &[Say(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n")],
    ),
    after(
        "busy-until-9999",
        "is busy until the year 9999",
        Status(503),
        &[Say(b"HTTP/1.1 503 Busy\r\nretry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\ncontent-length: 0\r\n\r\n")],
    ),
    after(
        "busy-for-nonsense",
        "is busy for two times that are none",
        Status(429),
        &[Say(b"HTTP/1.1 429 Busy\r\nretry-after: 1e30\r\nretry-after: -5\r\ncontent-length: 0\r\n\r\n")],
    ),
    after(
        "two-answers",
        "sends a second answer that nobody asked for",
        Delivered,
        &[Say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Forged\r\ncontent-length: 0\r\n\r\n")],
    ),
    after(
        "close-after-answer",
        "answers, and closes where it could have been asked again",
        Delivered,
        &[Say(OK), HalfClose],
    ),
    after(
        "not-text",
        "answers with bytes that are no text",
        Delivered,
        &[Say(b"HTTP/1.1 200 OK\r\nx-odd: \xff\xfe\r\ncontent-length: 6\r\n\r\n\xf0\x9f\x92\0\xff\xfe")],
    ),
    after(
        "script",
        "answers with a page that would run a script",
        Delivered,
        &[Say(b"HTTP/1.1 200 <script>\r\nx-name: <script>alert(1)</script>\r\ncontent-type: text/html\r\n\
            content-length: 25\r\n\r\n<script>alert(1)</script>")],
    ),
    after(
        "cookies",
        "wants to be remembered by cookies and other headers",
        Delivered,
        &[Say(
            b"HTTP/1.1 200 OK\r\nset-cookie: id=1; Domain=localhost\r\nstrict-transport-security: max-age=31536000\r\n\
            alt-svc: h3=\":443\"\r\ncontent-length: 0\r\n\r\n",
        )],
    ),
    // Its TLS is none.
    tls("tls-silent", "does not answer the handshake", TlsTimeout, &[Stay]),
    tls(
        "tls-drips",
        "answers the handshake one byte at a time",
        TlsTimeout,
        &[Say(b"\x16\x03\x03\x40\x00"), Drip(b"\0")],
    ),
    tls(
        "tls-plain",
        "answers the handshake in plain HTTP",
        TlsError,
        &[Say(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")],
    ),
    tls(
        "tls-huge",
        "answers the handshake with a message that is too long",
        TlsError,
        &[Say(b"\x16\x03\x03\xff\xff"), Flood(KILOBYTE)],
    ),
    tls(
        "tls-flood",
        "answers the handshake with the same message again and again",
        TlsError,
        &[Flood(b"\x14\x03\x03\x00\x01\x01")],
    ),
    tls("tls-closes", "closes during the handshake", TlsError, &[]),
    tls("tls-resets", "cuts the connection during the handshake", TlsError, &[Reset]),
    tls("tls-refuses", "has no cipher in common", TlsNoSharedCipher, &[Say(b"\x15\x03\x03\x00\x02\x02\x28")]),
    tls(
        "tls-old",
        "speaks only versions of TLS that are too old",
        TlsNoSharedCipher,
        &[Say(b"\x15\x03\x01\x00\x02\x02\x46")],
    ),
];
