//! Configuration files with gaps: `{{name}}` is replaced by its value. Nothing else is interpreted.

/// Fills the gaps. A name without a value stays as it is, and the program that reads the file refuses it.
#[must_use]
pub fn fill(template: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{{{name}}}}}"), value)
    })
}

#[cfg(test)]
mod tests;
