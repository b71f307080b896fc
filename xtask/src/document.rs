//! Parts of docs/performance.md that commands write: between two markers, replacing what is there.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace;

/// Where the figures are, from the root of the repository.
const FIGURES: &str = "docs/performance.md";

/// Replaces the section of that name.
pub(crate) fn write(section: &str, content: &str) -> Result<()> {
    let path = workspace::root().join(FIGURES);
    let text = fs::read_to_string(&path).with_context(|| FIGURES.to_owned())?;
    fs::write(&path, replaced(&text, section, content)?)?;
    println!("wrote section {section:?} of {FIGURES}");
    Ok(())
}

fn replaced(text: &str, section: &str, content: &str) -> Result<String> {
    let missing = || format!("{FIGURES} has no markers of the section {section:?}");
    let begin = format!("<!-- {section}: begin -->\n");
    let end = format!("<!-- {section}: end -->");
    let (head, rest) = text.split_once(&begin).with_context(missing)?;
    let (_, tail) = rest.split_once(&end).with_context(missing)?;
    Ok(format!("{head}{begin}{}\n{end}{tail}", content.trim_matches('\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n";

    #[test]
    fn what_is_between_the_markers_is_replaced() {
        let new = replaced(TEXT, "x", "\nnew\n").unwrap();
        assert_eq!(new, "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n");
        assert_eq!(replaced(&new, "x", "old").unwrap(), TEXT);
    }

    #[test]
    fn a_section_without_markers_is_an_error() {
        assert!(replaced(TEXT, "y", "new").is_err());
    }
}
