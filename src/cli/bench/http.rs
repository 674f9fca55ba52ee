//! Just enough of HTTP/1.1 for the benchmark's own ends: where a message in a buffer ends, and what its headers say. The
//! load generator and the receiver share the machine with what they measure, so they must cost next to nothing.

/// What stands before the body.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A whole request or answer at the start of a buffer.
pub(super) struct Framed<'a> {
    /// The first line and the headers.
    pub(super) head: &'a [u8],
    /// The body, as long as `content-length` says.
    pub(super) body: &'a [u8],
}

impl<'a> Framed<'a> {
    /// The message that `bytes` begin with, when all of it is there.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let head_bytes = find(bytes, HEAD_END)?;
        let (head, rest) = bytes.split_at(head_bytes);
        let rest = &rest[HEAD_END.len()..];
        let length = header(head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        rest.get(..length).map(|body| Self { head, body })
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> usize {
        self.head.len() + HEAD_END.len() + self.body.len()
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }

    /// The path of a request.
    pub(super) fn path(&self) -> &'a [u8] {
        self.head.split(|byte| *byte == b' ').nth(1).unwrap_or_default()
    }

    /// The status of an answer.
    pub(super) fn status(&self) -> u16 {
        let digits = self.head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }
}

/// Where `wanted` begins in `bytes`.
pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let value = |line: &'a [u8]| {
        let (start, value) = line.split_at_checked(name.len())?;
        value.strip_prefix(b":").filter(|_| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    let value = head.split(|byte| *byte == b'\n').find_map(value)?;
    std::str::from_utf8(value).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::Framed;

    #[test]
    fn a_message_is_read_once_all_of_it_is_there() {
        let text = b"POST /ok/3 HTTP/1.1\r\nhost: a\r\nContent-Length: 4\r\nX: y\r\n\r\nbodyPOST /";
        let framed = Framed::read(text).unwrap();
        assert_eq!((framed.path(), framed.body, framed.bytes()), (&b"/ok/3"[..], &b"body"[..], text.len() - 6));
        assert_eq!((framed.header("x"), framed.header("content")), (Some("y"), None));
        assert!(Framed::read(&text[..text.len() - 7]).is_none());
        let answer = Framed::read(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!((answer.status(), answer.body), (204, &b""[..]));
    }
}
