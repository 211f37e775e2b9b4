//! The formats of JSON Schema that are enforced.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use regex_lite::Regex;

/// A format that text can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    DateTime,
    Date,
    Time,
    Email,
    Hostname,
    Ipv4,
    Ipv6,
    Uri,
    Uuid,
}

impl Format {
    const ALL: [Self; 9] = [
        Self::DateTime,
        Self::Date,
        Self::Time,
        Self::Email,
        Self::Hostname,
        Self::Ipv4,
        Self::Ipv6,
        Self::Uri,
        Self::Uuid,
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// As JSON Schema names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DateTime => "date-time",
            Self::Date => "date",
            Self::Time => "time",
            Self::Email => "email",
            Self::Hostname => "hostname",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Uri => "uri",
            Self::Uuid => "uuid",
        }
    }

    /// In words, with an example.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::DateTime => "a date and time such as \"2026-01-31T12:00:00Z\"",
            Self::Date => "a date such as \"2026-01-31\"",
            Self::Time => "a time with its offset such as \"12:00:00Z\"",
            Self::Email => "an e-mail address",
            Self::Hostname => "a host name",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Uri => "a URI such as \"https://example.com/\"",
            Self::Uuid => "a UUID such as \"123e4567-e89b-12d3-a456-426614174000\"",
        }
    }

    pub(crate) fn matches(self, text: &str) -> bool {
        match self {
            Self::DateTime => {
                text.is_char_boundary(10)
                    && text.len() > 11
                    && is_date(&text[..10])
                    && matches!(text.as_bytes()[10], b'T' | b't')
                    && is_time(&text[11..])
            }
            Self::Date => is_date(text),
            Self::Time => is_time(text),
            Self::Email => is_email(text),
            Self::Hostname => is_hostname(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Uri => is_uri(text),
            Self::Uuid => {
                let dashes = |at| matches!(at, 8 | 13 | 18 | 23);
                let fits = |(at, byte): (usize, u8)| if dashes(at) { byte == b'-' } else { byte.is_ascii_hexdigit() };
                text.len() == 36 && text.bytes().enumerate().all(fits)
            }
        }
    }
}

/// Two digits as a number.
fn two(text: &str) -> Option<u32> {
    (text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// RFC 3339 `full-date`.
fn is_date(text: &str) -> bool {
    if !text.is_ascii() || text.len() != 10 || &text[4..5] != "-" || &text[7..8] != "-" {
        return false;
    }
    let (Some(century), Some(year)) = (two(&text[..2]), two(&text[2..4])) else { return false };
    let (Some(month), Some(day)) = (two(&text[5..7]), two(&text[8..])) else { return false };
    let year = century * 100 + year;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// RFC 3339 `full-time`.
fn is_time(text: &str) -> bool {
    if !text.is_ascii() || text.len() < 9 || &text[2..3] != ":" || &text[5..6] != ":" {
        return false;
    }
    let (Some(hour), Some(minute), Some(second)) = (two(&text[..2]), two(&text[3..5]), two(&text[6..8])) else {
        return false;
    };
    let mut rest = &text[8..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = &fraction[digits..];
    }
    let offset = match rest.as_bytes() {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => match (two(&rest[1..3]), two(&rest[4..])) {
            (Some(hours @ 0..=23), Some(minutes @ 0..=59)) => {
                let minutes = i64::from(hours * 60 + minutes);
                Some(if *sign == b'-' { -minutes } else { minutes })
            }
            _ => None,
        },
        _ => None,
    };
    let Some(offset) = offset else { return false };
    let is_leap_second = || (i64::from(hour * 60 + minute) - offset).rem_euclid(24 * 60) == 23 * 60 + 59;
    hour < 24 && minute < 60 && (second < 60 || (second == 60 && is_leap_second()))
}

/// The addresses that mail systems give to people: no quotes, no comments, no address literals.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_atom = |atom: &str| {
        !atom.is_empty() && atom.bytes().all(|it| it.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&it))
    };
    local.len() <= 64 && local.split('.').all(is_atom) && is_hostname(domain)
}

/// RFC 1123.
fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            // These places are for encoded labels, of which only those of international names are in use.
            && (label.as_bytes().get(2..4) != Some(b"--") || label[..2].eq_ignore_ascii_case("xn"))
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// RFC 3986 `URI`: absolute, with a scheme.
fn is_uri(text: &str) -> bool {
    static URI: OnceLock<Option<Regex>> = OnceLock::new();
    const PATTERN: &str = r"(?x)^
        [A-Za-z][A-Za-z0-9+.\-]*:
        (?: //
            (?: (?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@ )?
            (?: \[ (?P<literal>[0-9A-Fa-f:.]+) \] | (?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})* )
            (?: :[0-9]* )?
            (?: / (?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})* )?
          | /? (?: (?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})
                   (?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})* )?
        )
        (?: \? (?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})* )?
        (?: \# (?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})* )?
    $";
    let Some(uri) = URI.get_or_init(|| Regex::new(PATTERN).ok()) else { return false };
    uri.captures(text)
        .is_some_and(|found| found.name("literal").is_none_or(|literal| literal.as_str().parse::<Ipv6Addr>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn formats_take_what_they_should() {
        for (format, good, bad) in [
            (
                "date-time",
                &["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.25+05:30", "1990-12-31T15:59:60-08:00"][..],
                &["2026-01-31", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00", "2026-01-31T24:00:00Z", "ää26-01-31T1"]
                    [..],
            ),
            ("date", &["2024-02-29", "2000-02-29"], &["2026-02-29", "1900-02-29", "2026-13-01", "2026-1-1", ""]),
            ("time", &["12:00:00Z", "23:59:60Z"], &["12:00", "12:00:00", "12:00:60Z", "12:00:00.Z", "12:00:00+24:00"]),
            (
                "email",
                &["ada@example.com", "a.b+c@x", "info@xn--mnchen-3ya.de"],
                &["ada", "@x", "a@", "a..b@x", ".a@x", "a@-x", "a@b c"],
            ),
            (
                "hostname",
                &["example.com", "a-b", "xn--mnchen-3ya.de"],
                &["", "-a", "ab--c", "a-.b", "a..b", "exa mple"],
            ),
            ("ipv4", &["127.0.0.1"], &["256.0.0.1", "1.2.3", "::1"]),
            ("ipv6", &["::1", "2001:db8::1"], &["127.0.0.1", ":::", "[::1]"]),
            (
                "uri",
                &["https://example.com/a?b=c#d", "mailto:a@b", "urn:isbn:1", "http://[::1]:80/", "file:///a%20b"],
                &["/a", "example.com", "http://a b", "http://[x]", "http://%zz", "1a:b", ""],
            ),
            (
                "uuid",
                &["123e4567-e89b-12d3-a456-426614174000"],
                &["123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g", ""],
            ),
        ] {
            let format = Format::from_name(format).expect("a known format");
            for text in good {
                assert!(format.matches(text), "{format:?} {text}");
            }
            for text in bad {
                assert!(!format.matches(text), "{format:?} {text}");
            }
        }
    }
}
