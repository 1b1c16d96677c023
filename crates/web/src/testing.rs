//! Runs modules in an interpreter, for tests.

use wasmi::{Config, Engine, Instance, Linker, Memory, Module, Store};

/// A running module and its memory.
pub(crate) struct Running {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Running {
    /// Validates and instantiates the memory and the functions.
    pub(crate) fn new(weights: &[u8], functions: &[u8]) -> Self {
        for bytes in [weights, functions] {
            wasmparser::validate(bytes).expect("it is valid");
        }
        let engine = Engine::new(&Config::default());
        let mut store = Store::new(&engine, ());
        let of = |bytes: &[u8]| Module::new(&engine, bytes).expect("it is valid");
        let mut linker = Linker::new(&engine);
        let weights =
            linker.instantiate_and_start(&mut store, &of(weights)).expect("it needs nothing");
        let memory = weights.get_memory(&store, "memory").expect("it has one");
        linker.define("weights", "memory", memory).expect("nothing has this name");
        let instance =
            linker.instantiate_and_start(&mut store, &of(functions)).expect("it needs no more");
        Self { store, instance, memory }
    }

    /// Calls an exported function.
    pub(crate) fn call(&mut self, name: &str, arguments: &[u32]) {
        let function = self.instance.get_func(&self.store, name).expect("it is there");
        let arguments: Vec<wasmi::Val> =
            arguments.iter().map(|&value| wasmi::Val::I32(value as i32)).collect();
        function.call(&mut self.store, &arguments, &mut []).expect("it returns");
    }

    /// The memory's bytes.
    pub(crate) fn memory(&mut self) -> &mut [u8] {
        self.memory.data_mut(&mut self.store)
    }
}
