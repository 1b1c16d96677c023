/// What predictions say beside probabilities and the labels that follow from them.
///
/// ```
/// use headstart_predict::AnswerConfig;
///
/// let config = AnswerConfig::default().with_coverage(0.9).with_unknown(false);
/// assert_eq!(config.coverage, Some(0.9));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AnswerConfig {
    /// In which share of cases [`Prediction::set`](crate::Prediction::set) contains the right label; no
    /// set is made when `None`.
    pub coverage: Option<f64>,
    /// Whether a picture may be of none of the classes, of a model that can tell.
    pub unknown: bool,
}

impl Default for AnswerConfig {
    /// No set of labels; pictures may be unknown.
    fn default() -> Self {
        Self { coverage: None, unknown: true }
    }
}

impl AnswerConfig {
    /// In which share of cases the set of labels contains the right one.
    #[must_use]
    pub fn with_coverage(mut self, coverage: impl Into<Option<f64>>) -> Self {
        self.coverage = coverage.into();
        self
    }

    /// Whether a picture may be of none of the classes.
    #[must_use]
    pub fn with_unknown(mut self, unknown: bool) -> Self {
        self.unknown = unknown;
        self
    }
}
