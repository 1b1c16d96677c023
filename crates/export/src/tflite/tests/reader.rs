//! Reads a flat buffer according to the specification of its format, and the tables of a model.

/// A table at an offset in a file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    file: &'a [u8],
    at: usize,
}

fn u32_at(file: &[u8], at: usize) -> usize {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize
}

impl<'a> Table<'a> {
    pub(super) fn root(file: &'a [u8]) -> Self {
        Self { file, at: u32_at(file, 0) }
    }

    /// The offset of a field, if the table has it.
    fn field(&self, number: usize) -> Option<usize> {
        let to_entries = i32::from_le_bytes(self.file[self.at..self.at + 4].try_into().unwrap());
        let entries = (self.at as i64 - i64::from(to_entries)) as usize;
        let u16_at = |at: usize| u16::from_le_bytes(self.file[at..at + 2].try_into().unwrap());
        let entry = 4 + 2 * number;
        let offset = (entry < u16_at(entries).into()).then(|| u16_at(entries + entry))?;
        (offset != 0).then(|| self.at + usize::from(offset))
    }

    pub(super) fn i8(&self, number: usize) -> i8 {
        self.field(number).map_or(0, |at| self.file[at] as i8)
    }

    pub(super) fn u32(&self, number: usize) -> usize {
        self.field(number).map_or(0, |at| u32_at(self.file, at))
    }

    /// An integer field that is omitted if it has the default value `otherwise`.
    pub(super) fn u32_or(&self, number: usize, otherwise: usize) -> usize {
        self.field(number).map_or(otherwise, |_| self.u32(number))
    }

    pub(super) fn f32(&self, number: usize) -> f32 {
        self.field(number).map_or(0.0, |at| f32::from_bits(u32_at(self.file, at) as u32))
    }

    /// The offset of the object that a field refers to.
    fn target(&self, number: usize) -> Option<usize> {
        self.field(number).map(|at| at + u32_at(self.file, at))
    }

    pub(super) fn table(&self, number: usize) -> Option<Self> {
        self.target(number).map(|at| Self { file: self.file, at })
    }

    /// The offset of a vector's entries, and their number.
    fn vector(&self, number: usize) -> (usize, usize) {
        self.target(number).map_or((0, 0), |at| (at + 4, u32_at(self.file, at)))
    }

    pub(super) fn tables(&self, number: usize) -> Vec<Self> {
        let (at, count) = self.vector(number);
        let entry = |i: usize| at + 4 * i;
        let table = |i| Self { file: self.file, at: entry(i) + u32_at(self.file, entry(i)) };
        (0..count).map(table).collect()
    }

    pub(super) fn i32s(&self, number: usize) -> Vec<i32> {
        let (at, count) = self.vector(number);
        (0..count).map(|i| u32_at(self.file, at + 4 * i) as i32).collect()
    }

    pub(super) fn f32s(&self, number: usize) -> Vec<f32> {
        let (at, count) = self.vector(number);
        (0..count).map(|i| f32::from_bits(u32_at(self.file, at + 4 * i) as u32)).collect()
    }

    pub(super) fn i64s(&self, number: usize) -> Vec<i64> {
        let (at, count) = self.vector(number);
        let word = |i: usize| self.file[at + 8 * i..][..8].try_into().unwrap();
        (0..count).map(|i| i64::from_le_bytes(word(i))).collect()
    }

    pub(super) fn bytes(&self, number: usize) -> &'a [u8] {
        let (at, count) = self.vector(number);
        &self.file[at..at + count]
    }

    /// The offset of a vector of bytes in the file.
    pub(super) fn place(&self, number: usize) -> usize {
        self.vector(number).0
    }

    pub(super) fn text(&self, number: usize) -> &'a str {
        std::str::from_utf8(self.bytes(number)).unwrap()
    }
}

/// The parts of a model that headstart writes.
pub(super) struct Model<'a> {
    pub(super) tensors: Vec<Tensor<'a>>,
    pub(super) operators: Vec<Operator<'a>>,
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) metadata: Vec<(&'a str, &'a [u8])>,
    /// The offsets of constants.
    pub(super) places: Vec<usize>,
}

pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<usize>,
    pub(super) signature: Vec<i32>,
    pub(super) kind: i8,
    /// Empty if the tensor is not a constant.
    pub(super) data: &'a [u8],
    /// The quantization, if the elements are quantized.
    pub(super) quantization: Option<Quantization>,
}

/// `scale * (number - zero)`, with one scale for all, or one for each index on `axis`.
pub(super) struct Quantization {
    pub(super) scales: Vec<f32>,
    pub(super) zeros: Vec<i64>,
    pub(super) axis: usize,
}

pub(super) struct Operator<'a> {
    pub(super) code: usize,
    pub(super) version: usize,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
    pub(super) options: Option<Table<'a>>,
}

impl<'a> Model<'a> {
    pub(super) fn read(file: &'a [u8]) -> Self {
        assert_eq!(&file[4..8], b"TFL3");
        let root = Table::root(file);
        assert_eq!(root.u32(0), 3);
        let (codes, buffers) = (root.tables(1), root.tables(4));
        let [graph] = root.tables(2)[..] else { panic!("one graph") };
        let tensor = |t: &Table<'a>| Tensor {
            name: t.text(3),
            shape: t.i32s(0).into_iter().map(|axis| axis as usize).collect(),
            signature: t.i32s(7),
            kind: t.i8(1),
            data: buffers[t.u32(2)].bytes(0),
            quantization: t.table(4).filter(|q| !q.f32s(2).is_empty()).map(|q| Quantization {
                scales: q.f32s(2),
                zeros: q.i64s(3),
                axis: q.u32(6),
            }),
        };
        let ids = |ids: Vec<i32>| ids.into_iter().map(|id| id as usize).collect();
        let operator = |o: &Table<'a>| {
            let code = &codes[o.u32(0)];
            assert_eq!(code.u32(3).min(127), code.i8(0) as usize);
            Operator {
                code: code.u32(3),
                version: code.u32_or(2, 1),
                inputs: ids(o.i32s(1)),
                outputs: ids(o.i32s(2)),
                options: o.table(4),
            }
        };
        let metadata = root.tables(6);
        Self {
            tensors: graph.tables(0).iter().map(tensor).collect(),
            operators: graph.tables(3).iter().map(operator).collect(),
            input: graph.i32s(1)[0] as usize,
            output: graph.i32s(2)[0] as usize,
            metadata: metadata.iter().map(|m| (m.text(0), buffers[m.u32(1)].bytes(0))).collect(),
            places: buffers.iter().skip(1).map(|buffer| buffer.place(0)).collect(),
        }
    }
}
