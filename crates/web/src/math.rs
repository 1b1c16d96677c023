//! Functions for which WebAssembly has no instruction.

use std::f64::consts::{LN_2, LOG2_E};

use crate::code::{Body, Expr, F64, Func64, Module};

/// Functions of f64.
#[derive(Clone, Copy)]
pub(crate) struct Math {
    pub(crate) exp: Func64,
    pub(crate) ln: Func64,
}

impl Math {
    pub(crate) fn new(module: &mut Module) -> Self {
        let exp = module.function_of_f64(exp());
        let ln = module.function_of_f64(ln(exp));
        Self { exp, ln }
    }

    /// 1 / (1 + e^-x).
    pub(crate) fn sigmoid(self, x: Expr<F64>) -> Expr<F64> {
        double(1.0) / (double(1.0) + self.exp.of(double(0.0) - x))
    }
}

fn double(value: f64) -> Expr<F64> {
    Expr::double(value)
}

/// e^x, where x is limited to -708 to 709 so that the result is a normal number. Computed as 2 to the nearest integer
/// power, times a polynomial of the remainder.
fn exp() -> Body {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const TERMS: u32 = 14;
    let (mut body, x) = Body::of_f64();
    body.set(x, x.get().max(double(-708.0)).min(double(709.0)));
    let power = body.var((x.get() * double(LOG2_E)).nearest());
    let rest = x.get() - power.get() * double(LN_2_HIGH) - power.get() * double(LN_2_LOW);
    let rest = body.var(rest);
    let mut sum = double(1.0);
    for term in (1..TERMS).rev() {
        sum = double(1.0) + sum * rest.get() / double(f64::from(term));
    }
    body.result(sum * Expr::power_of_two(power.get().into_i32()));
    body
}

/// The logarithm of a positive f32. Starts with the approximation given by the bits of `x`, and solves e^y = x by
/// Halley's method.
fn ln(exp: Func64) -> Body {
    const STEPS: usize = 3;
    let (mut body, x) = Body::of_f64();
    let bits = x.get().into_f32().bits() - Expr::int(1.0_f32.to_bits());
    let y = body.var(bits.into_f64() * double(LN_2 / f64::from(1 << 23)));
    for _ in 0..STEPS {
        let at = body.var(exp.of(y.get()));
        let step = double(2.0) * (x.get() - at.get()) / (x.get() + at.get());
        body.set(y, y.get() + step);
    }
    body.result(y.get());
    body
}
