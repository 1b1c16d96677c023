//! The audit as one page with thumbnails, that needs nothing else.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use headstart::data::decode::MinSize;
use headstart::data::{DecodeError, Location, Reader, Rgb};
use headstart::files::AtomicFile;
use headstart::model::thousands;
use headstart::{Audit, Finding, FindingKind, Pictures, Severity};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageBuffer, imageops};
use rayon::prelude::*;

use super::show::{shown, value};
use crate::output::count;

const STYLE: &str = include_str!("page.css");

/// Findings of a kind that are on the page.
const CARDS: usize = 48;
/// Thumbnails of a finding.
const COPIES: usize = 6;
/// Thumbnails of the page, some 6 KB each.
const THUMBNAILS: usize = 600;
/// The longer side of a thumbnail, in pixels: twice what is shown, for dense screens.
const SIDE: usize = 256;
/// What is enough for one to look like the picture.
const AT_LEAST: MinSize = MinSize { width: SIDE, height: SIDE };
const QUALITY: u8 = 70;

/// Writes the page.
pub(super) fn write(
    path: &Path,
    audit: &Audit,
    pictures: &Pictures,
    memory: Option<u64>,
) -> anyhow::Result<()> {
    let page = page(audit, pictures.root(), &thumbnails(audit, memory));
    let file = AtomicFile::create(path)?;
    file.reopen()?.write_all(page.as_bytes()).map_err(|error| file.error(error))?;
    file.commit()?;
    Ok(())
}

/// Data URIs of thumbnails, by file.
type Thumbnails = HashMap<PathBuf, String>;

/// Thumbnails of what is on the page; none for what cannot be read.
fn thumbnails(audit: &Audit, memory: Option<u64>) -> Thumbnails {
    let on_page = audit.by_kind().flat_map(|(_, f)| &f[..shown(f.len(), CARDS)]);
    let mut files: Vec<&Location> =
        on_page.flat_map(|f| &f.files[..shown(f.files.len(), COPIES)]).collect();
    files.truncate(THUMBNAILS);
    files.sort();
    files.dedup();
    let reader = Reader::new(memory, AT_LEAST);
    let thumbnail =
        |file: &&Location| Some((file.path().into_owned(), thumbnail(&reader, file).ok()?));
    files.par_iter().filter_map(thumbnail).collect()
}

fn thumbnail(reader: &Reader, file: &Location) -> Result<String, DecodeError> {
    let picture = reader.decode(reader.with_room(file, reader.read(file)?)?)?;
    let longer = picture.width().max(picture.height());
    let side = |side: usize| (side * SIDE.min(longer) / longer).max(1) as u32;
    let (width, height) = (side(picture.width()), side(picture.height()));
    let small = imageops::thumbnail(&view(&picture), width, height);
    let mut jpeg = Cursor::new(Vec::new());
    // A vector takes whatever is written, and a thumbnail is no larger than a JPEG may be.
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&small).expect("it has pixels");
    Ok(format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg.into_inner())))
}

/// Where the picture is, whose memory is accounted for.
fn view(picture: &Rgb) -> ImageBuffer<image::Rgb<u8>, &[u8]> {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    ImageBuffer::from_raw(width, height, picture.pixels()).expect("three bytes a pixel")
}

fn page(audit: &Audit, root: &Path, thumbnails: &Thumbnails) -> String {
    let title = format!("Audit of {}", root.display());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{0}</title>\n<style>\n{STYLE}</style>\n<header>\n<h1>{0}</h1>\n\
         <p class=\"facts\">{1} {2} &middot; {3}</p>\n",
        escaped(&title),
        count(audit.pictures, "picture"),
        super::show::classes(audit),
        match audit.findings.len() {
            0 => "nothing found".to_owned(),
            n => count(n, "finding"),
        },
    );
    page += "<nav>\n";
    for (kind, findings) in audit.by_kind() {
        put(
            &mut page,
            format_args!(
                "<a class=\"{}\" href=\"#{kind}\">{} <b>{}</b></a>\n",
                level(kind),
                kind.title(),
                thousands(findings.len())
            ),
        );
    }
    page += "</nav>\n</header>\n<main>\n";
    for (kind, findings) in audit.by_kind() {
        section(&mut page, kind, findings, root, thumbnails);
    }
    if !audit.classes.is_empty() {
        classes(&mut page, audit);
    }
    page += "</main>\n</html>\n";
    page
}

fn section(
    page: &mut String,
    kind: FindingKind,
    findings: &[Finding],
    root: &Path,
    thumbnails: &Thumbnails,
) {
    let number = match kind.value() {
        "" => String::new(),
        what => format!("<p class=\"number\">The number: {what}.</p>\n"),
    };
    put(
        page,
        format_args!(
            "<section id=\"{kind}\" class=\"{}\">\n<h2>{} <b>{}</b></h2>\n\
             <p class=\"advice\">{}</p>\n{number}<div class=\"cards\">\n",
            level(kind),
            kind.title(),
            thousands(findings.len()),
            kind.advice()
        ),
    );
    let shown = shown(findings.len(), CARDS);
    for finding in &findings[..shown] {
        card(page, finding, root, thumbnails);
    }
    page.push_str("</div>\n");
    if findings.len() > shown {
        let more = thousands(findings.len() - shown);
        put(page, format_args!("<p class=\"more\">and {more} more; --json has all</p>\n"));
    }
    page.push_str("</section>\n");
}

fn card(page: &mut String, finding: &Finding, root: &Path, thumbnails: &Thumbnails) {
    // Of a class the sentence says it.
    let files = if finding.kind.is_about_a_class() { &[] } else { &finding.files[..] };
    let several = match files.len() {
        0 | 1 => "",
        2 => " several pair",
        _ => " several",
    };
    put(page, format_args!("<article class=\"card{several}\">\n<div class=\"pictures\">\n"));
    let shown = shown(files.len(), COPIES);
    for file in &files[..shown] {
        let name = escaped(&super::below(root, file));
        let picture = match thumbnails.get(&*file.path()) {
            Some(uri) => format!("<img src=\"{uri}\" alt=\"{name}\" loading=\"lazy\">"),
            None => "<div class=\"none\">no picture</div>".to_owned(),
        };
        put(
            page,
            format_args!(
                "<figure>{picture}<figcaption title=\"{name}\">{name}</figcaption></figure>\n"
            ),
        );
    }
    if files.len() > shown {
        let more = files.len() - shown;
        put(page, format_args!("<div class=\"none\">and {more} more</div>\n"));
    }
    let value = value(finding).map_or(String::new(), |value| format!("<b>{value}</b> "));
    let detail = escaped(&finding.detail);
    put(page, format_args!("</div>\n<p>{value}{detail}</p>\n</article>\n"));
}

/// Bars of how many pictures each class has.
fn classes(page: &mut String, audit: &Audit) {
    let largest = audit.counts.iter().copied().max().unwrap_or(0).max(1);
    page.push_str("<section>\n<h2>Classes</h2>\n<table>\n");
    for (class, &count) in audit.classes.iter().zip(&audit.counts) {
        put(
            page,
            format_args!(
                "<tr><th>{}</th><td>{}</td><td class=\"bar\"><i style=\"width:{:.1}%\"></i></td></tr>\n",
                escaped(class),
                thousands(count),
                100.0 * count as f64 / largest as f64
            ),
        );
    }
    page.push_str("</table>\n</section>\n");
}

fn level(kind: FindingKind) -> &'static str {
    match kind.severity() {
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a string takes all text");
}

/// Text as it stands in a page, within quotes, too.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
