//! Expressions: code that leaves one value on the stack.

use std::marker::PhantomData;
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Sub};

use wasm_encoder::{Instruction as I, MemArg, MemArgTarget, ValType};

/// A type of a value in WebAssembly.
pub(crate) trait Type {
    const VAL: ValType;
}

macro_rules! types {
    ($($name:ident)+) => {
        $(
            #[derive(Clone, Copy, Debug)]
            pub(crate) enum $name {}

            impl Type for $name {
                const VAL: ValType = ValType::$name;
            }
        )+
    };
}

types!(I32 F32 F64 V128);

/// Code that leaves a value of type `T` on the stack.
#[derive(Clone, Debug)]
pub(crate) struct Expr<T> {
    pub(super) code: Vec<I<'static>>,
    of: PhantomData<T>,
}

impl<T> Expr<T> {
    pub(super) fn new(code: Vec<I<'static>>) -> Self {
        Self { code, of: PhantomData }
    }

    fn one(instruction: I<'static>) -> Self {
        Self::new(vec![instruction])
    }

    fn then<U>(mut self, instruction: I<'static>) -> Expr<U> {
        self.code.push(instruction);
        Expr::new(self.code)
    }

    fn with<U, V>(mut self, other: Expr<U>, instruction: I<'static>) -> Expr<V> {
        self.code.extend(other.code);
        self.then(instruction)
    }

    /// `self` if the condition holds, otherwise `other`; both are computed.
    pub(crate) fn or(self, other: Self, condition: Expr<I32>) -> Self {
        let both = Expr::<T>::new([self.code, other.code].concat());
        both.with(condition, I::Select)
    }
}

/// The operand of a memory access at a constant offset. `align` is log2 of the alignment, and only a hint.
pub(super) fn at(offset: u32, align: u32) -> MemArg {
    MemArg { offset: offset.into(), align, target: MemArgTarget::Memory(0), ordering: None }
}

macro_rules! unary {
    ($of:ty: $($name:ident $instruction:ident $to:ty;)+) => {
        impl Expr<$of> {
            $(pub(crate) fn $name(self) -> Expr<$to> {
                self.then(I::$instruction)
            })+
        }
    };
}

macro_rules! binary {
    ($of:ty: $($name:ident $instruction:ident $to:ty;)+) => {
        impl Expr<$of> {
            $(pub(crate) fn $name(self, other: Self) -> Expr<$to> {
                self.with(other, I::$instruction)
            })+
        }
    };
}

macro_rules! operators {
    ($of:ty: $($operator:ident $name:ident $instruction:ident;)+) => {
        $(impl $operator for Expr<$of> {
            type Output = Self;

            fn $name(self, other: Self) -> Self {
                self.with(other, I::$instruction)
            }
        })+
    };
}

/// Loads from a constant offset, in bytes, to an address.
macro_rules! loads {
    ($($name:ident $instruction:ident $align:literal $of:ty;)+) => {
        impl Expr<I32> {
            $(pub(crate) fn $name(self, offset: u32) -> Expr<$of> {
                self.then(I::$instruction(at(offset, $align)))
            })+
        }
    };
}

operators! { I32: Add add I32Add; Sub sub I32Sub; Mul mul I32Mul; BitAnd bitand I32And; BitOr bitor I32Or; }
operators! { F32: Add add F32Add; Sub sub F32Sub; Mul mul F32Mul; Div div F32Div; }
operators! { F64: Add add F64Add; Sub sub F64Sub; Mul mul F64Mul; Div div F64Div; }
operators! { V128: Add add F32x4Add; Sub sub F32x4Sub; Mul mul F32x4Mul; BitAnd bitand V128And; BitOr bitor V128Or; }

binary! { I32:
    lt I32LtS I32; le I32LeS I32; gt I32GtS I32; equals I32Eq I32; divided I32DivS I32;
    shifted_left I32Shl I32; shifted_right I32ShrS I32;
}
binary! { F32: max F32Max F32; }
binary! { F64: lt F64Lt I32; gt F64Gt I32; min F64Min F64; max F64Max F64; }
binary! { V128:
    pmin F32x4PMin V128; pmax F32x4PMax V128; int_add I32x4Add V128; int_mul I32x4Mul V128; dot I32x4DotI16x8S V128;
    narrowed I16x8NarrowI32x4S V128; narrowed_u8 I8x16NarrowI16x8U V128;
}
unary! { I32:
    negated I32Eqz I32; int_splat I32x4Splat V128; into_f64 F64ConvertI32S F64; into_f32 F32ConvertI32S F32;
}
unary! { F32:
    into_f64 F64PromoteF32 F64; bits I32ReinterpretF32 I32; floor F32Floor F32; ceil F32Ceil F32; into_i32 I32TruncSatF32S I32;
    splat F32x4Splat V128;
}
unary! { F64:
    into_f32 F32DemoteF64 F32; into_i32 I32TruncSatF64S I32; abs F64Abs F64; floor F64Floor F64; ceil F64Ceil F64;
    nearest F64Nearest F64; sqrt F64Sqrt F64;
}
unary! { V128:
    low_i16 I32x4ExtendLowI16x8S V128; high_i16 I32x4ExtendHighI16x8S V128; low_u8 I16x8ExtendLowI8x16U V128; low_i8 I16x8ExtendLowI8x16S V128;
    i32_to_f32 F32x4ConvertI32x4S V128; into_i32_lanes I32x4TruncSatF32x4S V128;
}
loads! {
    i32_at I32Load 2 I32;
    u8_at I32Load8U 0 I32;
    i16_at I32Load16S 0 I32;
    f32_at F32Load 2 F32;
    f64_at F64Load 3 F64;
    vector_at V128Load 2 V128;
    splat_at V128Load32Splat 2 V128;
    four_bytes_at V128Load32Zero 0 V128;
    eight_bytes_at V128Load64Zero 0 V128;
}

impl Expr<I32> {
    pub(crate) fn int(value: u32) -> Self {
        Self::one(I::I32Const(value as i32))
    }

    /// The size of the memory in pages.
    pub(crate) fn pages() -> Self {
        Self::one(I::MemorySize(0))
    }

    pub(crate) fn clamped(self, least: u32, most: Self) -> Self {
        let (copy, bound) = (self.clone(), most.clone());
        let at_most = self.or(most, copy.lt(bound));
        let copy = at_most.clone();
        at_most.or(Self::int(least), copy.gt(Self::int(least)))
    }
}

impl Expr<F32> {
    pub(crate) fn float(value: f32) -> Self {
        Self::one(I::F32Const(value.into()))
    }
}

impl Expr<F64> {
    pub(crate) fn double(value: f64) -> Self {
        Self::one(I::F64Const(value.into()))
    }

    /// 2 to an integer power, which must be the exponent of a normal number.
    pub(crate) fn power_of_two(power: Expr<I32>) -> Self {
        let mut biased: Self = (power + Expr::int(1023)).then(I::I64ExtendI32S);
        biased.code.push(I::I64Const(52));
        biased.code.push(I::I64Shl);
        biased.then(I::F64ReinterpretI64)
    }
}

impl Expr<V128> {
    /// A vector of four numbers.
    pub(crate) fn lanes(values: [f32; 4]) -> Self {
        let bits =
            values.iter().rev().fold(0, |bits, value| bits << 32 | u128::from(value.to_bits()));
        Self::one(I::V128Const(bits as i128))
    }

    /// A vector with the same number in each lane.
    pub(crate) fn four(value: f32) -> Self {
        Self::lanes([value; 4])
    }

    /// A vector with all bits set.
    pub(crate) fn ones() -> Self {
        Self::one(I::V128Const(-1))
    }

    /// A vector of zeros.
    pub(crate) fn zero() -> Self {
        Self::one(I::V128Const(0))
    }

    /// Shifts each i32 lane right, preserving its sign.
    pub(crate) fn lanes_shifted_right(self, by: Expr<I32>) -> Self {
        self.with(by, I::I32x4ShrS)
    }

    /// The bits of a lane as an i32.
    pub(crate) fn int_lane(self, lane: u8) -> Expr<I32> {
        self.then(I::I32x4ExtractLane(lane))
    }

    /// Picks 16 bytes by index: 0 to 15 are those of `self`, and 16 to 31 those of `other`.
    pub(crate) fn shuffled(self, other: Self, bytes: [u8; 16]) -> Self {
        self.with(other, I::I8x16Shuffle(bytes))
    }

    pub(super) fn relaxed_madd(self, factor: Self, sum: Self) -> Self {
        let factors = Self::new([self.code, factor.code].concat());
        factors.with(sum, I::F32x4RelaxedMadd)
    }
}
