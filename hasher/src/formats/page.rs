//! The page of the documentation, FORMATS.md: the rules, and the table from the registry.

use authcluster_contract::formats::{BCRYPT_COST_MAX, LEGACY_MEMORY_MIB_MAX, ROUNDS_MAX};
use authcluster_contract::limits::{ENCODED_BYTES_MAX, PASSWORD_BYTES_MAX};

use super::{Bounds, Format, registry};

const RULES: &str = include_str!("page/rules.md");

/// The whole page.
#[must_use]
pub fn markdown() -> String {
    let bounds = Bounds::default();
    let mut page = RULES
        .replace("{PASSWORD_BYTES_MAX}", &PASSWORD_BYTES_MAX.to_string())
        .replace("{ENCODED_BYTES_MAX}", &ENCODED_BYTES_MAX.to_string())
        .replace("{LEGACY_MEMORY_MIB_MAX}", &LEGACY_MEMORY_MIB_MAX.to_string())
        .replace("{BCRYPT_COST_MAX}", &BCRYPT_COST_MAX.to_string())
        .replace("{ROUNDS_MAX}", &ROUNDS_MAX.to_string())
        .replace("{PARALLELISM_MAX}", &bounds.parallelism_max.to_string())
        .replace("{ITERATIONS_MAX}", &bounds.iterations_max.to_string())
        .replace("{UNITS_MAX}", &bounds.units_max.0.to_string());
    page.push_str("| format | family | shape | written by |\n|---|---|---|---|\n");
    for Format { name, families, shape, about, .. } in registry::all() {
        let families: Vec<&str> = families.iter().map(|family| family.as_str()).collect();
        let families = if families.is_empty() { "always".to_owned() } else { families.join(", ") };
        let shape = shape.replace('|', "\\|");
        page.push_str(&format!("| {name} | {families} | `{shape}` | {about} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    //! The page in the tree is the one that the program prints.

    #[test]
    fn the_page_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FORMATS.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == super::markdown(),
            "{path} is stale; write it again: cargo run -p authcluster-hasher -- formats --markdown"
        );
    }
}
