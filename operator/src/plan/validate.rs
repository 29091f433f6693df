//! From what a person wrote to what is carried out: every default applied, every contradiction
//! refused.

/// What is carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// Name of the resource.
    pub name: String,
    /// Namespace of the resource.
    pub namespace: String,
    /// Uid of the resource, for owner references.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
}
