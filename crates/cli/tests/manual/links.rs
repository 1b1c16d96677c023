//! Links between pages.

use std::collections::BTreeMap;
use std::path::Path;

/// The broken links: those to a file that does not exist below `docs`, or to a heading that no page has.
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

/// The path that `link` on `page` leads to, relative to `docs/`.
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

/// The targets of a page's links and pictures, except those in code.
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
        // Text between backticks is code, so only every second part counts.
        for part in line.split('`').step_by(2) {
            for rest in part.split("](").skip(1) {
                targets.extend(rest.split(')').next());
            }
        }
    }
    targets
}

/// The ids of headings: in lower case, with a hyphen for each space, and otherwise only letters and digits.
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
