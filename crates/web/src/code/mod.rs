//! WebAssembly as typed expressions: if the code that emits it compiles, the emitted WebAssembly is valid.

mod body;
mod expr;
mod module;

pub(crate) use body::{Body, Var};
pub(crate) use expr::{Expr, F32, F64, I32, V128};
pub(crate) use module::{Func, Func64, Module, memory};
