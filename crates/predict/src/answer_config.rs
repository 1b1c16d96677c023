/// Options for the content of predictions besides probabilities and labels.
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
    /// The probability with which [`Prediction::set`](crate::Prediction::set) contains the right label; no set is
    /// computed when `None`.
    pub coverage: Option<f64>,
    /// Whether a picture may be reported as unknown, for models that can detect that.
    pub unknown: bool,
}

impl Default for AnswerConfig {
    /// No set of labels; pictures may be unknown.
    fn default() -> Self {
        Self { coverage: None, unknown: true }
    }
}

impl AnswerConfig {
    /// Sets the probability with which the set of labels contains the right one.
    #[must_use]
    pub fn with_coverage(mut self, coverage: impl Into<Option<f64>>) -> Self {
        self.coverage = coverage.into();
        self
    }

    /// Sets whether a picture may be reported as unknown.
    #[must_use]
    pub fn with_unknown(mut self, unknown: bool) -> Self {
        self.unknown = unknown;
        self
    }
}
