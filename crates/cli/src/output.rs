//! Output of the command: text for people or JSON for programs.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use headstart::Event;
pub(crate) use headstart::files::quoted;
use headstart::model::thousands;
use serde::Serialize;

/// Standard output, as text or as JSON.
///
/// Messages go to standard error, so that standard output contains only the answer.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line of JSON; does nothing in text mode.
    pub(crate) fn event(&self, event: &impl Serialize) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, event)?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Prints text; does nothing in JSON mode.
    pub(crate) fn text(&self, text: impl AsRef<str>) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_ref().as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Prints a labelled line of a report: `Pictures    540 in 11 classes`.
    pub(crate) fn field(&self, name: &str, value: impl AsRef<str>) -> io::Result<()> {
        self.text(format!("{name:<12}{}", value.as_ref()))
    }

    /// Prints a warning to standard error: a problem that did not stop the work.
    pub(crate) fn warning(&self, message: &str) {
        eprintln!("warning: {}", one_line(message));
    }

    /// Reports an assumption: on standard error for people, and as an event for programs.
    pub(crate) fn note(&self, message: &str) -> io::Result<()> {
        eprintln!("note: {}", one_line(message));
        self.event(&Event::Note { message: message.to_owned() })
    }

    /// Prints why the work failed, to standard error.
    pub(crate) fn error(&self, message: &str) {
        eprintln!("headstart: {}", one_line(message));
    }
}

/// A number with its noun, in the plural if needed: `1 picture`, `2 pictures`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    let plural = match noun {
        "class" => "classes",
        "entry" => "entries",
        "base" => "bases",
        _ if n == 1 => noun,
        _ => return format!("{} {noun}s", thousands(n)),
    };
    if n == 1 { format!("1 {noun}") } else { format!("{} {plural}", thousands(n)) }
}

/// Formats a duration for people: `0.42 s`, `17 s`, `3 min 05 s`.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 119.5 => format!("{s:.0} s"),
        s => format!("{} min {:02} s", s.round() as u64 / 60, s.round() as u64 % 60),
    }
}

/// Formats a size for people, in units of 1024 bytes.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "KiB", "MiB", "GiB"];
    let mut size = n as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} bytes") } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// A field of a CSV table, quoted where RFC 4180 requires it.
pub(crate) fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A path as text.
///
/// If the path is not UTF-8, invalid bytes are written as `\xE9` and backslashes are doubled, so that
/// the text still identifies the file.
pub(crate) fn path_text(path: &Path) -> Cow<'_, str> {
    match path.to_str() {
        Some(text) => text.into(),
        None => {
            let mut text = String::new();
            for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
                text += &chunk.valid().replace('\\', r"\\");
                chunk.invalid().iter().for_each(|byte| text += &format!(r"\x{byte:02X}"));
            }
            text.into()
        }
    }
}

/// Text, such as a message with a file name in it, on one line that is safe to print to a terminal:
/// control characters are escaped.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "picture"), "1 picture");
        assert_eq!(count(2, "class"), "2 classes");
        assert_eq!(count(1_234_567, "picture"), "1,234,567 pictures");
        assert_eq!(duration(0.421), "0.42 s");
        assert_eq!(duration(185.2), "3 min 05 s");
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(1536), "1.5 KiB");
    }

    #[test]
    fn a_field_of_a_table_is_quoted_where_it_must_be() {
        for (text, field) in [
            ("a b's.png", "a b's.png"),
            ("a,b", "\"a,b\""),
            ("say \"a\"", "\"say \"\"a\"\"\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(csv_field(text), field);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_can_be_told_from_others() {
        use std::os::unix::ffi::OsStrExt;
        let text = |bytes| path_text(Path::new(std::ffi::OsStr::from_bytes(bytes))).into_owned();
        assert_eq!(text("a/é\\x.jpg".as_bytes()), "a/é\\x.jpg");
        assert_eq!(text(b"a/\xe9\\x.jpg"), r"a/\xE9\\x.jpg");
        assert_eq!(text(b"\xff\xfe"), r"\xFF\xFE");
    }

    #[test]
    fn a_name_cannot_end_a_line_or_command_a_terminal() {
        assert_eq!(one_line("a\nb\u{1b}[31mé: text"), r"a\nb\u{1b}[31mé: text");
    }
}
