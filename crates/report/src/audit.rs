//! The audit as a page with thumbnails.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use askama::Template;
use headstart::data::{Location, Reader};
use headstart::model::thousands;
use headstart::{Audit, Finding, FindingKind, Pictures, Severity};
use rayon::prelude::*;

use crate::page::{Page, STYLE, below, count};
use crate::picture::{enough, thumbnail};

/// Maximum number of findings of a kind on the page.
const CARDS: usize = 48;
/// Maximum number of thumbnails per finding.
const COPIES: usize = 6;
/// Maximum number of thumbnails on the page, about 6 KB each.
const THUMBNAILS: usize = 600;
/// The longer side of a thumbnail, in pixels: twice the displayed size, for high-density screens.
const SIDE: usize = 256;

/// The page of an audit. Pictures are read within `memory` bytes, on the caller's thread pool.
pub fn audit_page(audit: &Audit, pictures: &Pictures, memory: Option<u64>) -> Page {
    let root = pictures.root();
    let thumbnails = thumbnails(audit, memory);
    let kinds = audit.by_kind();
    let largest = audit.counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |(name, &pictures): (&String, &usize)| ClassBar {
        name: name.clone(),
        pictures: thousands(pictures),
        share: format!("{:.1}", 100.0 * pictures as f64 / largest as f64),
    };
    Page::of(&AuditTemplate {
        style: STYLE,
        title: format!("Audit of {}", root.display()),
        pictures: count(audit.pictures, "picture", "pictures"),
        classes: match audit.classes.len() {
            0 => "of one class or none".to_owned(),
            n => format!("in {}", count(n, "class", "classes")),
        },
        findings: match audit.findings.len() {
            0 => "nothing found".to_owned(),
            n => count(n, "finding", "findings"),
        },
        sections: kinds.map(|(kind, found)| section(kind, found, root, &thumbnails)).collect(),
        bars: audit.classes.iter().zip(&audit.counts).map(bar).collect(),
    })
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditTemplate {
    style: &'static str,
    title: String,
    pictures: String,
    classes: String,
    findings: String,
    sections: Vec<Section>,
    bars: Vec<ClassBar>,
}

/// The findings of a kind.
struct Section {
    kind: FindingKind,
    level: &'static str,
    count: String,
    cards: Vec<Card>,
    /// A sentence about the findings that are not on the page; empty if all are.
    more: String,
}

struct Card {
    /// The CSS class for the width of the card.
    room: &'static str,
    figures: Vec<Figure>,
    /// The number of files not shown.
    more: usize,
    value: String,
    detail: String,
}

struct Figure {
    name: String,
    /// A data URI; `None` if the file cannot be shown.
    thumbnail: Option<String>,
}

/// The number of pictures of a class.
struct ClassBar {
    name: String,
    pictures: String,
    /// Percentage of the number of pictures in the largest class.
    share: String,
}

/// Data URIs of thumbnails, by file.
type Thumbnails = HashMap<PathBuf, String>;

/// The thumbnails of the page. Pictures that cannot be read have none.
fn thumbnails(audit: &Audit, memory: Option<u64>) -> Thumbnails {
    let on_page = audit.by_kind().flat_map(|(_, f)| &f[..Finding::shown(f.len(), CARDS)]);
    let mut files: Vec<&Location> =
        on_page.flat_map(|f| &f.files[..Finding::shown(f.files.len(), COPIES)]).collect();
    files.truncate(THUMBNAILS);
    files.sort();
    files.dedup();
    let reader = Reader::new(memory, enough(SIDE));
    let thumbnail =
        |at: &&Location| Some((at.path().into_owned(), thumbnail(&reader, at, SIDE).ok()?));
    files.par_iter().filter_map(thumbnail).collect()
}

fn section(
    kind: FindingKind,
    findings: &[Finding],
    root: &Path,
    thumbnails: &Thumbnails,
) -> Section {
    let shown = Finding::shown(findings.len(), CARDS);
    let more = findings.len() - shown;
    Section {
        kind,
        level: match kind.severity() {
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        },
        count: thousands(findings.len()),
        cards: findings[..shown].iter().map(|finding| card(finding, root, thumbnails)).collect(),
        more: if more == 0 { String::new() } else { thousands(more) },
    }
}

fn card(finding: &Finding, root: &Path, thumbnails: &Thumbnails) -> Card {
    // For a finding about a class, the sentence suffices.
    let files = if finding.kind.is_about_a_class() { &[] } else { &finding.files[..] };
    let shown = Finding::shown(files.len(), COPIES);
    let figure = |file: &Location| Figure {
        name: below(root, file),
        thumbnail: thumbnails.get(&*file.path()).cloned(),
    };
    Card {
        room: match files.len() {
            0 | 1 => "",
            2 => "several pair",
            _ => "several",
        },
        figures: files[..shown].iter().map(figure).collect(),
        more: files.len() - shown,
        value: finding.value_text().unwrap_or_default(),
        detail: finding.detail.clone(),
    }
}
