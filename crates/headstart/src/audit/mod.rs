//! Finds problems in a set of pictures: [`audit`].

mod balance;
mod files;
mod finding;
mod labels;
mod outliers;
mod suspects;

use std::slice;

use headstart_data::cache::CacheWarning;
use headstart_data::{
    ContentHash, DecodeError, Facts, Location, PictureLabels, SkipReason, Subset,
};

use crate::config::setters;
use crate::copies::Copies;
use crate::looks::{Look, looks};
use crate::pictures::{LabelSets, OfBase};
use crate::{Base, Context, Error, ExtractConfig, Extraction, Extractor, Pictures};
pub use finding::{Finding, FindingKind, Severity};
pub use labels::LabelErrors;
use outliers::outliers;

/// The configuration of an audit.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AuditConfig {
    /// How features are computed.
    pub extract: ExtractConfig,
    /// Which label errors are reported.
    pub label_errors: LabelErrors,
}

setters!(AuditConfig {
    /// Sets how features are computed.
    with_extract => extract: ExtractConfig,
    /// Sets which label errors are reported.
    with_label_errors => label_errors: LabelErrors,
});

/// The result of an audit.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The number of readable pictures of each class.
    pub counts: Vec<usize>,
    /// The number of readable pictures.
    pub pictures: usize,
    /// How many of these were in the feature cache.
    pub cached: usize,
    /// The findings by [`FindingKind`], the most important first, and the strongest of a kind first.
    pub findings: Vec<Finding>,
    /// Why features are not cached, if a cache was requested and cannot be used.
    pub warning: Option<CacheWarning>,
}

impl Audit {
    /// The kinds of findings that were found, the most important first, each with its findings.
    pub fn by_kind(&self) -> impl Iterator<Item = (FindingKind, &[Finding])> {
        self.findings.chunk_by(|a, b| a.kind == b.kind).map(|found| (found[0].kind, found))
    }
}

/// Searches `pictures` for problems: files that cannot be read, copies, bad looks, probable label errors,
/// outliers, and imbalanced classes. Nothing is changed.
///
/// Features and facts are read from the cache if possible, so an audit of pictures that were trained on decodes
/// nothing.
///
/// Copies are searched for across the split of the folder or, without one, the split that
/// [`Pictures::with_validation`] would make if only equal pixels were kept together. Test pictures are audited
/// like the others, and copies are also searched for between these and the others.
///
/// For pictures of a single class (see [`Pictures::open_to_audit`]), label errors, the split and balance are
/// not checked.
///
/// # Errors
/// When no picture can be read, or the context is cancelled.
pub fn audit(
    base: &Base,
    pictures: &Pictures,
    config: &AuditConfig,
    context: &mut Context<'_>,
) -> Result<Audit, Error> {
    let extractor = Extractor::new(base, &config.extract);
    let mut failed = Vec::new();
    let extraction = extractor.extract_with_errors(
        &pictures.items_and_tests(),
        context,
        &mut |at: &Location, error: &DecodeError| failed.push(files::of_error(at.clone(), error)),
    )?;
    let set = Set::of(pictures, extraction, failed)?;
    let audit = analyse(set, base.of_base(), config, context)?;
    Ok(Audit { warning: extractor.cache_warning(), ..audit })
}

/// [`audit()`] on existing features. `extraction` is the result of an [`Extractor`] for `base` on all or some
/// of the pictures' [`locations`](Pictures::locations).
///
/// # Errors
/// As for [`audit()`].
///
/// # Panics
/// When the features are those of another base, or their number does not match the pictures.
pub fn audit_extracted(
    base: &Base,
    pictures: &Pictures,
    extraction: Extraction,
    config: &AuditConfig,
    context: &mut Context<'_>,
) -> Result<Audit, Error> {
    let of_base = base.of_base();
    let values = extraction.kept.len() * of_base.features;
    assert_eq!(extraction.features.len(), values, "features of every picture");
    let failed = extraction.skipped.iter().filter_map(|skipped| match &skipped.reason {
        SkipReason::Content(error) => Some(files::of_error(skipped.path.as_path().into(), error)),
        _ => None,
    });
    let failed = failed.collect();
    analyse(Set::of(pictures, extraction, failed)?, of_base, config, context)
}

/// The whole analysis, except for the warning about the cache.
fn analyse(
    mut set: Set<'_>,
    of_base: OfBase,
    config: &AuditConfig,
    context: &mut Context<'_>,
) -> Result<Audit, Error> {
    let OfBase { features: dim, side } = of_base;
    let pictures = set.pictures;
    context.install(|context| {
        let (contents, facts) = (&set.contents, &set.facts);
        let copies =
            Copies::find(&set.features, dim, contents, facts, &mut context.watch_comparing());
        let copies = copies.ok_or(Error::Interrupted)?;

        let isa = config.extract.compute.isa;
        let suspects = set.tell_label_errors(&copies, dim, config.label_errors, isa, context)?;
        set.tell_copies(&copies, &set.sides()?, &suspects);
        set.tell_outliers(&copies, dim);
        set.tell_looks(side);
        set.tell_balance(&copies);
        set.tell_files();
        Ok(())
    })?;
    let has_classes = set.has_classes();
    let classes = if has_classes { pictures.classes().to_vec() } else { Vec::new() };
    let labels = PictureLabels::new(&set.labels, set.label_sets.as_deref());
    let counted = if has_classes { 0..labels.len() } else { 0..0 };
    let counts = labels.per_class(counted, classes.len());
    let Set { mut findings, labels, cached, .. } = set;
    findings.sort_by(|a, b| {
        let strength = |f: &Finding| {
            let value = f.value.unwrap_or(0.0);
            if f.kind.is_strong_if_small() { -value } else { value }
        };
        a.kind.cmp(&b.kind).then(strength(b).total_cmp(&strength(a))).then(a.files.cmp(&b.files))
    });
    Ok(Audit { classes, counts, pictures: labels.len(), cached, findings, warning: None })
}

/// The readable pictures with everything known about them, and the findings so far.
struct Set<'a> {
    pictures: &'a Pictures,
    /// Indices into `pictures`.
    kept: Vec<usize>,
    labels: Vec<usize>,
    /// The sets that labels are indices into, if pictures may have several classes.
    label_sets: Option<LabelSets>,
    features: Vec<f32>,
    contents: Vec<ContentHash>,
    facts: Vec<Facts>,
    cached: usize,
    findings: Vec<Finding>,
}

impl<'a> Set<'a> {
    /// From an extraction. `failed` are the findings for pictures that could not be read.
    fn of(
        pictures: &'a Pictures,
        extraction: Extraction,
        failed: Vec<Finding>,
    ) -> Result<Self, Error> {
        let mut findings = files::of_skipped(pictures.skipped());
        findings.extend(failed);
        let Extraction { features, contents, facts, kept, skipped, cached } = extraction;
        let mut labels = pictures.labels(&kept);
        let label_sets = pictures.label_sets(&mut labels, &contents);
        if labels.is_empty() {
            return Err(Error::none_readable(skipped));
        }
        Ok(Self { pictures, kept, labels, label_sets, features, contents, facts, cached, findings })
    }

    fn at(&self, picture: usize) -> &Location {
        &self.pictures.item(self.kept[picture]).at
    }

    /// The classes of a picture.
    fn classes_of(&self, picture: usize) -> &[usize] {
        let label = &self.labels[picture];
        self.label_sets.as_ref().map_or(slice::from_ref(label), |sets| &sets[*label])
    }

    /// The label of a picture as text.
    fn label(&self, picture: usize) -> String {
        let names: Vec<&str> =
            self.classes_of(picture).iter().map(|&class| self.class(class)).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }

    fn class(&self, class: usize) -> &str {
        &self.pictures.classes()[class]
    }

    /// Whether there is more than one class.
    fn has_classes(&self) -> bool {
        self.pictures.classes().len() > 1
    }

    /// The side of the split of each picture.
    fn sides(&self) -> Result<Vec<Subset>, Error> {
        if !self.has_classes() {
            return Ok(vec![Subset::Train; self.kept.len()]);
        }
        // Test pictures come last.
        let own = self.kept.partition_point(|&index| index < self.pictures.len());
        let (kept, labels) = (&self.kept[..own], &self.labels[..own]);
        let groups = self.pictures.groups(kept, &self.contents[..own]);
        let labels = PictureLabels::new(labels, self.label_sets.as_deref());
        let split = self.pictures.split(kept, labels, &groups)?;
        let side = |is_held_back| if is_held_back { Subset::Validation } else { Subset::Train };
        let mut sides: Vec<_> = split.is_held_back(own).into_iter().map(side).collect();
        sides.resize(self.kept.len(), Subset::Test);
        Ok(sides)
    }

    /// Reports copies. `suspects` contains the probable class of each picture whose label is probably wrong.
    fn tell_copies(&mut self, copies: &Copies, sides: &[Subset], suspects: &[Option<usize>]) {
        // The least similarity of a pair in each group.
        let mut least = vec![1.0f32; self.labels.len()];
        for &(picture, _, cosine) in &copies.links {
            let least = &mut least[copies.groups[picture]];
            *least = least.min(cosine);
        }
        for group in copies.groups_of_several() {
            let kind = match () {
                () if group.differ(|p| self.labels[p]) => FindingKind::ConflictingLabels,
                () if group.differ(|p| sides[p]) => FindingKind::Straddling,
                () if group.is_exact() => FindingKind::Duplicate,
                () => FindingKind::NearDuplicate,
            };
            let what = if group.is_exact() { "the same pixels" } else { "nearly the same" };
            let detail = match kind {
                FindingKind::ConflictingLabels => {
                    let mut classes: Vec<String> =
                        group.pictures.iter().map(|&p| self.label(p)).collect();
                    classes.sort_unstable();
                    classes.dedup();
                    format!("{what}, labelled {}", classes.join(" and "))
                }
                FindingKind::Straddling
                    if group.pictures.iter().any(|&p| sides[p] == Subset::Test) =>
                {
                    format!("{what}, among those kept for testing and among the others")
                }
                FindingKind::Straddling if self.pictures.is_split() => {
                    format!("{what}, on both sides of the split")
                }
                FindingKind::Straddling => {
                    format!("{what}, would be on both sides of a random split")
                }
                _ => what.to_owned(),
            };
            let is_conflict = kind == FindingKind::ConflictingLabels;
            let keep = if is_conflict { group.right(&self.labels, suspects) } else { Some(0) };
            let right = keep.filter(|_| is_conflict).map(|keep| group.pictures[keep]);
            self.findings.push(Finding {
                kind,
                value: Some(least[copies.groups[group.pictures[0]]].into()),
                detail,
                files: group.pictures.iter().map(|&p| self.at(p).clone()).collect(),
                keep,
                class: right.map(|picture| self.label(picture)),
            });
        }
    }

    fn tell_outliers(&mut self, copies: &Copies, dim: usize) {
        for (picture, distance, share) in outliers(&self.features, dim, copies) {
            let detail = format!(
                "its nearest pictures are {:.0} % as far away as two pictures are on average",
                100.0 * share
            );
            self.tell(FindingKind::Outlier, picture, distance, detail);
        }
    }

    fn tell_looks(&mut self, side: usize) {
        for (look, picture, value) in looks(&self.facts, side) {
            let Facts { width, height, .. } = self.facts[picture];
            let size = || format!("{width} x {height} pixels");
            let (kind, detail) = match look {
                Look::Tiny => (FindingKind::Tiny, size()),
                Look::OddAspect => (FindingKind::OddAspect, size()),
                Look::Blank => (FindingKind::Blank, "all of one colour".to_owned()),
                Look::Dark => (FindingKind::Dark, "nearly all of it is dark".to_owned()),
                Look::Bright => (FindingKind::Bright, "nearly all of it is white".to_owned()),
                Look::Blurred => (FindingKind::Blurred, "no sharp edge".to_owned()),
                Look::Grey => (FindingKind::Grey, "no colour".to_owned()),
            };
            self.tell(kind, picture, value.into(), detail);
        }
    }

    fn tell_files(&mut self) {
        for picture in 0..self.facts.len() {
            let facts = self.facts[picture];
            if let Some(detail) = files::misnamed(&self.at(picture).path(), facts.format) {
                let finding = self.finding(FindingKind::Misnamed, picture, None, detail);
                self.findings.push(finding);
            }
            if facts.orientation != 1 {
                let detail = "turned or mirrored".to_owned();
                self.tell(FindingKind::Rotated, picture, facts.orientation.into(), detail);
            }
        }
    }

    fn tell(&mut self, kind: FindingKind, picture: usize, value: f64, detail: String) {
        self.findings.push(self.finding(kind, picture, Some(value), detail));
    }

    fn finding(
        &self,
        kind: FindingKind,
        picture: usize,
        value: Option<f64>,
        detail: String,
    ) -> Finding {
        let files = vec![self.at(picture).clone()];
        Finding { kind, value, detail, files, keep: None, class: None }
    }
}
