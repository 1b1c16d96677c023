//! A module of functions, and the memory that it imports.

use wasm_encoder::{
    CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction as I, MemoryType, TypeSection, ValType,
};

use super::body::Body;
use super::expr::{Expr, F64};

/// A function that takes integers and has no result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Func {
    pub(super) index: u32,
}

/// A function from f64 to f64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Func64 {
    index: u32,
}

impl Func64 {
    pub(crate) fn of(self, x: Expr<F64>) -> Expr<F64> {
        let mut code = x.code;
        code.push(I::Call(self.index));
        Expr::new(code)
    }
}

/// A module under construction.
#[derive(Default)]
pub(crate) struct Module {
    types: TypeSection,
    functions: FunctionSection,
    code: CodeSection,
    globals: GlobalSection,
    exports: ExportSection,
}

impl Module {
    pub(crate) fn function(&mut self, body: Body) -> Func {
        Func { index: self.add(body, &[]) }
    }

    pub(crate) fn function_of_f64(&mut self, body: Body) -> Func64 {
        Func64 { index: self.add(body, &[ValType::F64]) }
    }

    fn add(&mut self, body: Body, results: &[ValType]) -> u32 {
        let index = self.functions.len();
        self.types.ty().function(body.params.iter().copied(), results.iter().copied());
        // Each function has its own type, with the same index.
        self.functions.function(index);
        let mut function = Function::new_with_locals_types(body.locals.iter().copied());
        body.code.iter().for_each(|instruction| {
            function.instruction(instruction);
        });
        function.instruction(&I::End);
        self.code.function(&function);
        index
    }

    /// Exports a function under a name.
    pub(crate) fn export(&mut self, name: &str, function: Func) {
        self.exports.export(name, ExportKind::Func, function.index);
    }

    /// Exports a number, such as an address, as a constant global.
    pub(crate) fn constant(&mut self, name: &str, value: u32) {
        let kind = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
        let index = self.globals.len();
        self.globals.global(kind, &ConstExpr::i32_const(value as i32));
        self.exports.export(name, ExportKind::Global, index);
    }

    /// The bytes of the module, which imports a memory of at least `pages` pages.
    pub(crate) fn finish(self, pages: u64) -> Vec<u8> {
        let mut imports = ImportSection::new();
        imports.import("weights", "memory", EntityType::Memory(memory(pages)));
        let mut module = wasm_encoder::Module::new();
        module
            .section(&self.types)
            .section(&imports)
            .section(&self.functions)
            .section(&self.globals)
            .section(&self.exports)
            .section(&self.code);
        module.finish()
    }
}

/// The type of a memory of at least `pages` pages, without an upper limit.
pub(crate) fn memory(pages: u64) -> MemoryType {
    MemoryType {
        minimum: pages,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}
