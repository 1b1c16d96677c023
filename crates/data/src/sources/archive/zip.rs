//! Listing of zip archives by their central directory, including ZIP64.
//!
//! Formats and numbers are those of PKWARE's APPNOTE 6.3.10. This is our own reader rather than a library's because it
//! needs only some 32 bytes and the name for each of a million pictures, lets any thread read any member, and skips
//! inconsistent members one by one.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use headstart_files::{Section, io_reason, read_exact_at};

use super::super::SkipReason;
use super::super::walk::cannot_be_read;
use super::index::{Builder, Content, Packing, Ratio};

/// Bytes of a member's local header without name and extra field.
const LOCAL: usize = 30;
/// The same in the directory.
const CENTRAL: usize = 46;
/// Bytes of the end-of-directory record, without its comment.
const END: usize = 22;
/// The longest comment.
const COMMENT: u64 = 0xFFFF;
/// Placeholder for a number that is too large and stored in the ZIP64 extra field.
const ELSEWHERE: u32 = 0xFFFF_FFFF;

/// Lists the members of a file of `len` bytes.
///
/// # Errors
/// The reason why its directory cannot be read.
pub(super) fn scan(file: &File, len: u64, found: &mut Builder<'_>) -> Result<(), String> {
    let directory = Directory::of(file, len).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => error.to_string(),
        _ => cannot_be_read(&error),
    })?;
    let section = Section::new(file, directory.start, directory.end);
    let mut reader = BufReader::with_capacity(1 << 16, section);
    let (mut at, mut listed) = (directory.start, 0);
    while at < directory.end {
        let member = match Member::read(&mut reader) {
            Ok(member) => member,
            Err(error) => {
                found.note(format!("its directory is damaged ({})", io_reason(&error)));
                return Ok(());
            }
        };
        at += member.length;
        listed += 1;
        add(member, &directory, found);
    }
    let declared = directory.members;
    // Programs that do not support ZIP64 count modulo 65,536.
    if listed != declared && (listed & 0xFFFF != declared || directory.is_large) {
        found.note(format!("its directory is damaged ({listed} members, {declared} declared)"));
    }
    Ok(())
}

fn add(member: Member, directory: &Directory, found: &mut Builder<'_>) {
    let name = &member.name[..];
    if name.ends_with(b"/") {
        return;
    }
    let start = member.local.checked_add(directory.before);
    let least = member.stored.saturating_add(LOCAL as u64);
    let start =
        start.filter(|start| start.checked_add(least).is_some_and(|e| e <= directory.start));
    match (start, member.method) {
        _ if member.is_link() => found.skip(name, SkipReason::Link { tar: false }),
        _ if member.flags & 1 != 0 => found.skip(name, SkipReason::Encrypted),
        (None, _) => found.skip(name, SkipReason::BeyondTheEnd),
        (Some(at), method @ (0 | 8)) => {
            let stored = least;
            let packing = match method {
                0 => Packing::Stored(member.crc),
                _ => Packing::Deflated(member.crc, Ratio::of(member.size, stored)),
            };
            found.add(name, Content { at, stored, packing });
        }
        (_, method) => found.skip(name, SkipReason::Method { method }),
    }
}

/// Reads the local header of a member at `content`: returns its packed bytes, and the maximum uncompressed length.
pub(super) fn packed<'a>(file: &'a File, content: &Content) -> io::Result<(Section<'a>, u64)> {
    let mut header = [0; LOCAL];
    read_exact_at(file, &mut header, content.at)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(invalid("the archive is damaged: there is no such member"));
    }
    let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
    let start = content.at + LOCAL as u64 + names;
    let is_streamed = u16_at(&header, 6) & 8 != 0;
    let declared = match u32_at(&header, 22) {
        // It is stored after the bytes, or in the extra field.
        0 if is_streamed => u64::MAX,
        ELSEWHERE => u64::MAX,
        size => size.into(),
    };
    Ok((Section::new(file, start, start + content.stored - LOCAL as u64), declared))
}

/// Whether a file is the first part of an archive divided by `zip` (APPNOTE 8.5.3).
pub(super) fn is_first_of_several(path: &Path) -> bool {
    let mut mark = [0; 4];
    File::open(path).is_ok_and(|file| read_exact_at(&file, &mut mark, 0).is_ok())
        && mark == *b"PK\x07\x08"
}

/// Whether a file is the last part of such an archive, which contains the directory.
pub(super) fn is_last_of_several(path: &Path) -> bool {
    let number = || -> io::Result<u16> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(End::of(&file, len)?.disk)
    };
    // The largest number is the placeholder for one of ZIP64's.
    number().is_ok_and(|number| !matches!(number, 0 | u16::MAX))
}

/// The record at the end of an archive.
struct End {
    at: u64,
    /// The number of the part it is in, from 0.
    disk: u16,
    members: u16,
    /// Length of the directory in bytes, and its offset.
    size: u32,
    offset: u32,
}

impl End {
    fn of(file: &File, len: u64) -> io::Result<Self> {
        let tail_start = len.saturating_sub(COMMENT + END as u64);
        let mut tail = vec![0; (len - tail_start) as usize];
        read_exact_at(file, &mut tail, tail_start)?;
        let is_end = |&at: &usize| {
            let record = &tail[at..];
            let fits = |record: &[u8]| END + usize::from(u16_at(record, 20)) <= record.len();
            record.len() >= END && record.starts_with(b"PK\x05\x06") && fits(record)
        };
        let missing = "a ZIP archive without its end: the download may be incomplete";
        let at = (0..tail.len()).rev().find(is_end).ok_or_else(|| invalid(missing))?;
        let record = &tail[at..];
        Ok(Self {
            at: tail_start + at as u64,
            disk: u16_at(record, 4),
            members: u16_at(record, 10),
            size: u32_at(record, 12),
            offset: u32_at(record, 16),
        })
    }
}

/// The location of the directory.
struct Directory {
    start: u64,
    end: u64,
    /// Declared number of members.
    members: u64,
    /// Whether that is a ZIP64 number.
    is_large: bool,
    /// Bytes before the archive, which its offsets do not include.
    before: u64,
}

impl Directory {
    fn of(file: &File, len: u64) -> io::Result<Self> {
        let End { at: mut end, disk, members, size, offset } = End::of(file, len)?;
        let (mut members, mut size, mut offset) = (members.into(), size.into(), offset.into());
        let large = Self::large(file, end)?;
        let is_large = large.is_some();
        if let Some(large) = large {
            (end, members, size, offset) = large;
        } else if disk != 0 {
            return Err(invalid("a part of a ZIP archive: join the parts first"));
        }
        let start = end.checked_sub(size);
        let before = start.and_then(|start| start.checked_sub(offset));
        match (start, before) {
            (Some(start), Some(before)) => Ok(Self { start, end, members, is_large, before }),
            _ => Err(invalid("a ZIP archive whose directory is damaged")),
        }
    }

    /// The ZIP64 record before the end record at `end`, if there is one: its offset, and the number of members, size
    /// and offset of the directory.
    fn large(file: &File, end: u64) -> io::Result<Option<(u64, u64, u64, u64)>> {
        const LOCATOR: u64 = 20;
        let Some(at) = end.checked_sub(LOCATOR) else { return Ok(None) };
        let mut locator = [0; LOCATOR as usize];
        read_exact_at(file, &mut locator, at)?;
        if !locator.starts_with(b"PK\x06\x07") {
            return Ok(None);
        }
        let mut record = [0; 56];
        // It may have extra fields at its end, but its stored offset is valid only if nothing precedes the archive;
        // without such fields it is directly before the locator.
        for at in [Some(u64_at(&locator, 8)), at.checked_sub(record.len() as u64)] {
            let Some(at) = at.filter(|&at| at.checked_add(56).is_some_and(|e| e <= end)) else {
                continue;
            };
            read_exact_at(file, &mut record, at)?;
            if record.starts_with(b"PK\x06\x06") {
                let [members, size, offset] = [32, 40, 48].map(|field| u64_at(&record, field));
                return Ok(Some((at, members, size, offset)));
            }
        }
        Err(invalid("a ZIP archive whose directory is damaged"))
    }
}

/// A member's entry in the directory.
struct Member {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    stored: u64,
    /// Uncompressed length.
    size: u64,
    /// Offset of its local header.
    local: u64,
    /// The system it was packed on, and its attributes there.
    host: u8,
    attributes: u32,
    /// Bytes of the entry in the directory.
    length: u64,
}

impl Member {
    fn read(directory: &mut impl Read) -> io::Result<Self> {
        let mut header = [0; CENTRAL];
        directory.read_exact(&mut header)?;
        if !header.starts_with(b"PK\x01\x02") {
            return Err(invalid("a member without its mark"));
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| u16_at(&header, at));
        let mut text = vec![0; usize::from(name) + usize::from(extra) + usize::from(comment)];
        directory.read_exact(&mut text)?;
        let length = (CENTRAL + text.len()) as u64;
        let extra = &text[usize::from(name)..][..usize::from(extra)];
        let [mut size, mut stored, mut local] =
            [24, 20, 42].map(|at| (u32_at(&header, at), u64::from(u32_at(&header, at))));
        // Only fields with the placeholder are stored there, in this order.
        let mut large = zip64(extra).chunks_exact(8).map(|field| u64_at(field, 0));
        for (short, long) in [&mut size, &mut stored, &mut local] {
            if *short == ELSEWHERE {
                *long = large.next().unwrap_or(*long);
            }
        }
        let (flags, host) = (u16_at(&header, 8), header[5]);
        text.truncate(usize::from(name));
        Ok(Self {
            name: path(text, flags, host),
            flags,
            method: u16_at(&header, 10),
            crc: u32_at(&header, 16),
            stored: stored.1,
            size: size.1,
            local: local.1,
            host,
            attributes: u32_at(&header, 38),
            length,
        })
    }

    /// Whether it is a symbolic link packed on Unix.
    fn is_link(&self) -> bool {
        self.host == 3 && self.attributes >> 28 == 0o12
    }
}

/// The content of the ZIP64 extra field; empty if there is none.
fn zip64(mut extra: &[u8]) -> &[u8] {
    while let [a, b, c, d, rest @ ..] = extra {
        let (id, size) = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
        let Some((field, others)) = rest.split_at_checked(usize::from(size)) else { break };
        if id == 1 {
            return field;
        }
        extra = others;
    }
    &[]
}

/// A name as UTF-8, with slashes: names neither marked as UTF-8 nor valid UTF-8 are in code page 437 (APPNOTE D.1), and
/// old programs for Windows wrote backslashes.
fn path(name: Vec<u8>, flags: u16, host: u8) -> Vec<u8> {
    let name = match std::str::from_utf8(&name) {
        Err(_) if flags & 0x800 == 0 => {
            let high: Vec<char> = CP437.chars().collect();
            let decoded = |&byte: &u8| match byte.checked_sub(0x80) {
                Some(index) => high[usize::from(index)],
                None => char::from(byte),
            };
            name.iter().map(decoded).collect::<String>().into_bytes()
        }
        _ => name,
    };
    let windows = host == 0 && !name.contains(&b'/');
    if windows {
        return name.into_iter().map(|b| if b == b'\\' { b'/' } else { b }).collect();
    }
    name
}

/// The upper half of code page 437.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}";

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_code_page_is_whole() {
        assert_eq!(super::CP437.chars().count(), 128);
    }
}
