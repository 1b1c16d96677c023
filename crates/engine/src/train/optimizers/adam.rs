use super::Optimizer;

/// Adam as Keras defines it: the correction for the start is part of the rate, and epsilon is added
/// outside the root.
///
/// rate = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t);
/// m += (d - m)(1 - beta_1); v += (d² - v)(1 - beta_2); x -= rate m / (sqrt(v) + epsilon).
#[derive(Debug, Clone)]
pub struct Adam {
    /// The learning rate; it may be changed between steps.
    pub learning_rate: f64,
    /// How slowly the mean of the gradients moves: 0.9.
    pub beta_1: f64,
    /// How slowly the mean of their squares moves: 0.999.
    pub beta_2: f64,
    /// Keeps the division finite: 1e-7.
    pub epsilon: f64,
    steps: i32,
    moments: Vec<[Vec<f32>; 2]>,
}

impl Adam {
    /// Adam with Keras's defaults.
    pub fn new(learning_rate: f64) -> Self {
        Self {
            learning_rate,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            steps: 0,
            moments: Vec::new(),
        }
    }
}

impl Optimizer for Adam {
    fn step(&mut self, variables: &mut [(&mut [f32], &[f32])]) {
        if self.moments.is_empty() {
            let zeros = |x: &[f32]| [vec![0.0; x.len()], vec![0.0; x.len()]];
            self.moments = variables.iter().map(|(x, _)| zeros(x)).collect();
        }
        assert_eq!(self.moments.len(), variables.len(), "the same variables at each step");
        self.steps += 1;
        let correction =
            (1.0 - self.beta_2.powi(self.steps)).sqrt() / (1.0 - self.beta_1.powi(self.steps));
        let rate = (self.learning_rate * correction) as f32;
        let (keep_1, keep_2) = ((1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32);
        let epsilon = self.epsilon as f32;
        for ((x, d), [m, v]) in variables.iter_mut().zip(&mut self.moments) {
            for (((x, &d), m), v) in x.iter_mut().zip(*d).zip(m).zip(v) {
                *m += (d - *m) * keep_1;
                *v += (d * d - *v) * keep_2;
                *x -= rate * *m / (v.sqrt() + epsilon);
            }
        }
    }
}
