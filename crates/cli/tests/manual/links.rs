//! Links between pages.

use std::collections::BTreeMap;
use std::path::Path;

/// The links that lead nowhere: to no file below `docs`, or to no heading of a page.
pub(crate) fn broken(docs: &Path, pages: &[(String, String)]) -> Vec<String> {
    let anchors: BTreeMap<&str, Vec<String>> =
        pages.iter().map(|(name, text)| (name.as_str(), anchors(text))).collect();
    let mut broken = Vec::new();
    for (name, text) in pages {
        for target in targets(text) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { name.clone() } else { beside(name, file) };
            let leads = match anchors.get(file.as_str()) {
                Some(anchors) => anchor.is_empty() || anchors.iter().any(|a| a == anchor),
                None => anchor.is_empty() && docs.join(&file).is_file(),
            };
            if !leads {
                broken.push(format!("docs/{name}: {target} leads nowhere"));
            }
        }
    }
    broken
}

/// What `link`, given on `page`, names, from `docs/` on.
fn beside(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The targets of a page's links and pictures, without those in code.
fn targets(text: &str) -> Vec<&str> {
    let mut code = false;
    let mut targets = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        // What lies between backticks is code: every other part.
        for part in line.split('`').step_by(2) {
            for rest in part.split("](").skip(1) {
                targets.extend(rest.split(')').next());
            }
        }
    }
    targets
}

/// The ids that headings get: in lower case, with a hyphen for each space, and nothing but letters, digits and those.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let title = heading.trim_start_matches('#').trim().to_lowercase();
            let kept =
                title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}
