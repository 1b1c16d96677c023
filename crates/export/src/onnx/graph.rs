//! Builds a graph node by node.

use headstart_model::Tensor;

use super::proto::{
    AttributeProto, AttributeType, DataType, Dimension, DimensionValue, GraphProto, NodeProto,
    TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};

/// A value in the graph, identified by its name.
pub(super) type Value = String;

/// Nodes and constants. A node comes after the nodes whose values it reads.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
}

impl Graph {
    /// Adds a node with one output, which has the same name.
    pub(super) fn node(
        &mut self,
        op: &str,
        name: impl Into<String>,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> Value {
        let name = name.into();
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op.to_owned(),
            attribute: attributes,
        });
        name
    }

    /// Adds a constant tensor.
    pub(super) fn constant(&mut self, name: impl Into<String>, tensor: &Tensor) -> Value {
        let raw = tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.raw(name.into(), DataType::Float, &tensor.shape, raw)
    }

    /// Adds a constant vector of integers.
    pub(super) fn integers(&mut self, name: impl Into<String>, values: &[i64]) -> Value {
        let raw = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.raw(name.into(), DataType::Int64, &[values.len()], raw)
    }

    /// The constant scalar `value`, which is added only once.
    pub(super) fn number(&mut self, value: f32) -> Value {
        let name = format!("number/{value}");
        if self.initializers.iter().any(|constant| constant.name == name) {
            return name;
        }
        self.raw(name, DataType::Float, &[], value.to_le_bytes().to_vec())
    }

    fn raw(&mut self, name: String, kind: DataType, shape: &[usize], raw: Vec<u8>) -> Value {
        self.initializers.push(TensorProto {
            dims: shape.iter().map(|&axis| axis as i64).collect(),
            data_type: kind.into(),
            name: name.clone(),
            raw_data: raw,
        });
        name
    }

    /// The graph from the input to the last computed value, which is renamed to the name of `output`.
    pub(super) fn finish(
        mut self,
        name: &str,
        input: ValueInfoProto,
        output: ValueInfoProto,
    ) -> GraphProto {
        let last = self.nodes.last_mut().expect("there is something to compute");
        last.output = vec![output.name.clone()];
        GraphProto {
            node: self.nodes,
            name: name.to_owned(),
            initializer: self.initializers,
            input: vec![input],
            output: vec![output],
        }
    }
}

/// An input or output of the graph: a batch of tensors of this shape.
pub(super) fn value(name: &str, kind: DataType, shape: &[usize], doc: &str) -> ValueInfoProto {
    let batch = DimensionValue::Param("batch".to_owned());
    let axes = shape.iter().map(|&axis| DimensionValue::Value(axis as i64));
    let dim = [batch].into_iter().chain(axes).map(|value| Dimension { value: Some(value) });
    let shape = TensorShapeProto { dim: dim.collect() };
    let tensor = TensorType { elem_type: kind.into(), shape: Some(shape) };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { tensor_type: Some(tensor) }),
        doc_string: doc.to_owned(),
    }
}

pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    let kind = AttributeType::Float.into();
    AttributeProto { name: name.to_owned(), f: value, r#type: kind, ..Default::default() }
}

pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    let kind = AttributeType::Int.into();
    AttributeProto { name: name.to_owned(), i: value, r#type: kind, ..Default::default() }
}

pub(super) fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    let kind = AttributeType::Ints.into();
    AttributeProto { name: name.to_owned(), ints, r#type: kind, ..Default::default() }
}
