//! Reads Thrift's compact protocol, in which Parquet stores its metadata, from untrusted bytes.
//!
//! Allocations are bounded by the bytes available, and nesting by [`Shape`] and a limit.

pub(crate) type Result<T> = std::result::Result<T, &'static str>;

/// The error that more bytes might fix.
pub(crate) const ENDS: &str = "it ends within a description of itself";
const MISTYPED: &str = "it describes itself in a way that Parquet has not";

/// Maximum nesting of unknown values.
const DEEPEST: usize = 16;
/// Minimum size of a struct in a list: a field's type, its value, and the end of the struct.
const SMALLEST: usize = 3;

// Wire types in fields and lists.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BYTES: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// The required type of a value. Readers select a field by its number and do not check its type. So the type that is
/// checked here must be the one that belongs to the field's number.
pub(crate) enum Shape {
    Bool,
    Byte,
    Int,
    Double,
    Bytes,
    List(&'static Shape),
    /// The known fields; there may be others.
    Struct(&'static [(i16, Shape)]),
}

/// The remaining bytes.
pub(crate) struct Thrift<'a>(&'a [u8]);

impl<'a> Thrift<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        let count = usize::try_from(count).map_err(|_| ENDS)?;
        let (taken, left) = self.0.split_at_checked(count).ok_or(ENDS)?;
        self.0 = left;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn varint(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(MISTYPED)
    }

    pub(crate) fn zigzag(&mut self) -> Result<i64> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(crate) fn int(&mut self, wire: u8) -> Result<i64> {
        match wire {
            I16..=I64 => self.zigzag(),
            _ => Err(MISTYPED),
        }
    }

    /// The numbers in a struct's first `N` fields, with booleans as 0 or 1. Other fields are skipped.
    pub(crate) fn numbers<const N: usize>(&mut self, wire: u8) -> Result<[Option<i64>; N]> {
        let mut numbers = [None; N];
        self.fields(wire, |thrift, id, wire| {
            let number = usize::try_from(id).ok().and_then(|id| numbers.get_mut(id));
            match (number, wire) {
                (Some(number), TRUE | FALSE) => *number = Some((wire == TRUE).into()),
                (Some(number), I16..=I64) => *number = Some(thrift.zigzag()?),
                _ => thrift.pass(wire)?,
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    pub(crate) fn bytes(&mut self, wire: u8) -> Result<&'a [u8]> {
        if wire != BYTES {
            return Err(MISTYPED);
        }
        let count = self.varint()?;
        self.take(count)
    }

    /// The number of elements of a list, and their wire type.
    pub(crate) fn list(&mut self, wire: u8) -> Result<(usize, u8)> {
        if wire != LIST && wire != SET {
            return Err(MISTYPED);
        }
        let head = self.byte()?;
        let (count, element) = match head >> 4 {
            0xF => (self.varint()?, head & 0xF),
            short => (short.into(), head & 0xF),
        };
        let smallest = if element == STRUCT { SMALLEST } else { 1 };
        if count > (self.left() / smallest) as u64 {
            return Err(ENDS);
        }
        Ok((count as usize, element))
    }

    /// Iterates over the fields of a struct. `each` receives a field's number and wire type, and must read the field.
    pub(crate) fn fields(
        &mut self,
        wire: u8,
        mut each: impl FnMut(&mut Self, i16, u8) -> Result<()>,
    ) -> Result<()> {
        if wire != STRUCT {
            return Err(MISTYPED);
        }
        self.all_fields(&mut each)
    }

    /// [`fields`](Self::fields) for a top-level struct.
    pub(crate) fn all_fields(
        &mut self,
        each: &mut dyn FnMut(&mut Self, i16, u8) -> Result<()>,
    ) -> Result<()> {
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            if head & 0xF == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.zigzag()? as i16,
                step => id.checked_add(step.into()).ok_or(MISTYPED)?,
            };
            each(self, id, head & 0xF)?;
        }
    }

    /// Skips a value, after checking its shape.
    pub(crate) fn check(&mut self, shape: &Shape, wire: u8) -> Result<()> {
        match (shape, wire) {
            (Shape::List(shape), _) => {
                let (count, element) = self.list(wire)?;
                (0..count).try_for_each(|_| self.check(shape, element))
            }
            (Shape::Struct(known), _) => self.fields(wire, |thrift, id, wire| {
                match known.iter().find(|(own, _)| *own == id) {
                    Some((_, shape)) => thrift.check(shape, wire),
                    None => thrift.pass(wire),
                }
            }),
            (Shape::Bool, TRUE | FALSE)
            | (Shape::Byte, BYTE)
            | (Shape::Int, I16..=I64)
            | (Shape::Double, DOUBLE)
            | (Shape::Bytes, BYTES) => self.pass(wire),
            _ => Err(MISTYPED),
        }
    }

    /// Skips any value. Parquet has no maps, and no lists of booleans, whose elements take one byte in some
    /// implementations and none in others.
    pub(crate) fn pass(&mut self, wire: u8) -> Result<()> {
        self.pass_within(wire, DEEPEST)
    }

    fn pass_within(&mut self, wire: u8, deepest: usize) -> Result<()> {
        match wire {
            TRUE | FALSE => Ok(()),
            BYTE => self.take(1).map(|_| ()),
            I16..=I64 => self.varint().map(|_| ()),
            DOUBLE => self.take(8).map(|_| ()),
            BYTES => self.bytes(wire).map(|_| ()),
            LIST | SET if deepest > 0 => {
                let (count, element) = self.list(wire)?;
                if count > 0 && matches!(element, TRUE | FALSE) {
                    return Err(MISTYPED);
                }
                (0..count).try_for_each(|_| self.pass_within(element, deepest - 1))
            }
            STRUCT if deepest > 0 => {
                self.all_fields(&mut |thrift, _, wire| thrift.pass_within(wire, deepest - 1))
            }
            _ => Err(MISTYPED),
        }
    }
}
