//! The body of a function: statements, and typed variables.

use std::marker::PhantomData;

use wasm_encoder::{BlockType, Instruction as I, ValType};

use super::expr::{Expr, F32, F64, I32, Type, V128, at};

/// A local variable of a function.
#[derive(Debug)]
pub(crate) struct Var<T> {
    index: u32,
    of: PhantomData<T>,
}

impl<T> Clone for Var<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Var<T> {}

impl<T> Var<T> {
    /// Its value.
    pub(crate) fn get(self) -> Expr<T> {
        Expr::new(vec![I::LocalGet(self.index)])
    }
}

/// The parameters, local variables and instructions of a function.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(super) params: Vec<ValType>,
    pub(super) locals: Vec<ValType>,
    pub(super) code: Vec<I<'static>>,
    /// Whether [`Self::add_product`] rounds only once (fused multiply-add).
    fused: bool,
}

impl Body {
    /// A body for a function of `N` i32 parameters, and these parameters.
    pub(crate) fn taking<const N: usize>(fused: bool) -> (Self, [Var<I32>; N]) {
        let body = Self { params: vec![ValType::I32; N], fused, ..Self::default() };
        (body, std::array::from_fn(|index| Var { index: index as u32, of: PhantomData }))
    }

    /// A body for a function of one f64, and this parameter.
    pub(crate) fn of_f64() -> (Self, Var<F64>) {
        let body = Self { params: vec![ValType::F64], ..Self::default() };
        (body, Var { index: 0, of: PhantomData })
    }

    /// A new variable with an initial value.
    pub(crate) fn var<T: Type>(&mut self, value: Expr<T>) -> Var<T> {
        let index = (self.params.len() + self.locals.len()) as u32;
        self.locals.push(T::VAL);
        let var = Var { index, of: PhantomData };
        self.set(var, value);
        var
    }

    pub(crate) fn set<T>(&mut self, var: Var<T>, value: Expr<T>) {
        self.code.extend(value.code);
        self.code.push(I::LocalSet(var.index));
    }

    /// Adds a constant to a variable.
    pub(crate) fn step(&mut self, var: Var<I32>, by: u32) {
        self.set(var, var.get() + Expr::int(by));
    }

    /// Adds the product of `a` and `b` to `sum`.
    pub(crate) fn add_product(&mut self, sum: Var<V128>, a: Expr<V128>, b: Expr<V128>) {
        let value = match self.fused {
            true => a.relaxed_madd(b, sum.get()),
            false => sum.get() + a * b,
        };
        self.set(sum, value);
    }

    pub(crate) fn store(&mut self, address: Expr<I32>, offset: u32, value: Expr<V128>) {
        self.write(address, value, I::V128Store(at(offset, 2)));
    }

    pub(crate) fn store_i32(&mut self, address: Expr<I32>, offset: u32, value: Expr<I32>) {
        self.write(address, value, I::I32Store(at(offset, 2)));
    }

    pub(crate) fn store_u8(&mut self, address: Expr<I32>, offset: u32, value: Expr<I32>) {
        self.write(address, value, I::I32Store8(at(offset, 0)));
    }

    pub(crate) fn store_f32(&mut self, address: Expr<I32>, offset: u32, value: Expr<F32>) {
        self.write(address, value, I::F32Store(at(offset, 2)));
    }

    pub(crate) fn store_f64(&mut self, address: Expr<I32>, offset: u32, value: Expr<F64>) {
        self.write(address, value, I::F64Store(at(offset, 3)));
    }

    fn write<T>(&mut self, address: Expr<I32>, value: Expr<T>, instruction: I<'static>) {
        self.code.extend(address.code);
        self.code.extend(value.code);
        self.code.push(instruction);
    }

    /// Runs `body` as long as the condition holds; the condition is tested before each run.
    pub(crate) fn while_(&mut self, condition: Expr<I32>, body: impl FnOnce(&mut Self)) {
        self.code.extend([I::Block(BlockType::Empty), I::Loop(BlockType::Empty)]);
        self.code.extend(condition.negated().code);
        self.code.push(I::BrIf(1));
        body(self);
        self.code.extend([I::Br(0), I::End, I::End]);
    }

    /// Runs `body` a constant number of times; no loop is emitted for zero times or one.
    pub(crate) fn repeat(&mut self, times: usize, body: impl FnOnce(&mut Self)) {
        if times < 2 {
            if times == 1 {
                body(self);
            }
            return;
        }
        let left = self.var(Expr::<I32>::int(times as u32));
        self.code.push(I::Loop(BlockType::Empty));
        body(self);
        self.code.extend((left.get() - Expr::int(1)).code);
        self.code.extend([I::LocalTee(left.index), I::BrIf(0), I::End]);
    }

    pub(crate) fn if_(&mut self, condition: Expr<I32>, body: impl FnOnce(&mut Self)) {
        self.code.extend(condition.code);
        self.code.push(I::If(BlockType::Empty));
        body(self);
        self.code.push(I::End);
    }

    /// Sets `bytes` bytes to zero.
    pub(crate) fn fill(&mut self, address: Expr<I32>, bytes: usize) {
        if bytes > 0 {
            self.code.extend(address.code);
            self.code.extend([I::I32Const(0), I::I32Const(bytes as i32), I::MemoryFill(0)]);
        }
    }

    /// Whether [`Self::add_product`] rounds only once (fused multiply-add).
    pub(crate) fn is_fused(&self) -> bool {
        self.fused
    }

    /// Grows the memory by `pages` pages; traps if the memory cannot grow.
    pub(crate) fn grow(&mut self, pages: Expr<I32>) {
        self.code.extend(pages.code);
        self.code.extend([I::MemoryGrow(0), I::I32Const(-1), I::I32Eq]);
        self.code.extend([I::If(BlockType::Empty), I::Unreachable, I::End]);
    }

    /// Runs `then` if the condition holds, and `otherwise` if not.
    pub(crate) fn if_else(
        &mut self,
        condition: Expr<I32>,
        then: impl FnOnce(&mut Self),
        otherwise: impl FnOnce(&mut Self),
    ) {
        self.code.extend(condition.code);
        self.code.push(I::If(BlockType::Empty));
        then(self);
        self.code.push(I::Else);
        otherwise(self);
        self.code.push(I::End);
    }

    /// Runs `body` for each number from 0 up to, but not including, `end`.
    pub(crate) fn for_(&mut self, end: Expr<I32>, body: impl FnOnce(&mut Self, Var<I32>)) {
        let end = self.var(end);
        let at = self.var(Expr::<I32>::int(0));
        self.while_(at.get().lt(end.get()), |own| {
            body(own, at);
            own.step(at, 1);
        });
    }

    pub(crate) fn store_u16(&mut self, address: Expr<I32>, offset: u32, value: Expr<I32>) {
        self.write(address, value, I::I32Store16(at(offset, 0)));
    }

    /// Calls a function that has no result.
    pub(crate) fn call(&mut self, function: super::Func, arguments: &[Expr<I32>]) {
        arguments.iter().for_each(|argument| self.code.extend(argument.code.iter().cloned()));
        self.code.push(I::Call(function.index));
    }

    /// Leaves the value on the stack as the function's result.
    pub(crate) fn result<T: Type>(&mut self, value: Expr<T>) {
        self.code.extend(value.code);
    }
}
