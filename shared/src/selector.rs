//! Calico's selector language over labels: parsed once, evaluated purely.
//!
//! `all()`, `global()`, `has(k)`, `k == 'v'`, `k != "v"`, `k in {'a', 'b'}`, `k not in {…}`, `k contains 'v'`,
//! `k starts with 'v'`, `k ends with 'v'`, `!`, `&&`, `||`, parentheses. The empty selector is `all()`. Where a
//! label is missing, `!=` and `not in` hold and every other comparison does not.

use std::collections::BTreeMap;

mod token;

use token::{Token, tokens};

/// A parsed selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Everything.
    All,
    /// Everything, for objects in no namespace.
    Global,
    /// The label exists.
    Has(String),
    /// The label compares so with a value.
    Compare(String, Comparison, String),
    /// The label's value is one of these.
    In(String, Vec<String>),
    /// It is none of these, or there is no label.
    NotIn(String, Vec<String>),
    /// Not this.
    Not(Box<Selector>),
    /// All of these.
    And(Vec<Selector>),
    /// Any of these.
    Or(Vec<Selector>),
}

/// How a label's value compares with text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`: also if there is no label
    Unequal,
    /// `contains`
    Contains,
    /// `starts with`
    StartsWith,
    /// `ends with`
    EndsWith,
}

/// Why text is no selector.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("selector {selector:?}: {problem}")]
pub struct SelectorError {
    /// The whole text.
    pub selector: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Parentheses and negations inside each other.
const DEPTH: usize = 64;

impl Selector {
    /// The selector in this text.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        let error = |problem| SelectorError {
            selector: text.to_owned(),
            problem,
        };
        let tokens = tokens(text).map_err(error)?;
        if tokens.is_empty() {
            return Ok(Selector::All);
        }
        let mut parser = Parser {
            tokens: &tokens,
            depth: 0,
        };
        let selector = parser.or().map_err(error)?;
        match parser.tokens.first() {
            None => Ok(selector),
            Some(rest) => Err(error(format!("unexpected {rest} after a complete selector"))),
        }
    }

    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Selector::All | Selector::Global => true,
            Selector::Has(name) => labels.contains_key(name),
            Selector::Compare(name, how, value) => match labels.get(name) {
                Some(label) => how.holds(label, value),
                None => *how == Comparison::Unequal,
            },
            Selector::In(name, values) => labels.get(name).is_some_and(|label| values.contains(label)),
            Selector::NotIn(name, values) => !labels.get(name).is_some_and(|label| values.contains(label)),
            Selector::Not(inner) => !inner.matches(labels),
            Selector::And(parts) => parts.iter().all(|part| part.matches(labels)),
            Selector::Or(parts) => parts.iter().any(|part| part.matches(labels)),
        }
    }
}

impl Comparison {
    fn holds(self, label: &str, value: &str) -> bool {
        match self {
            Comparison::Equal => label == value,
            Comparison::Unequal => label != value,
            Comparison::Contains => label.contains(value),
            Comparison::StartsWith => label.starts_with(value),
            Comparison::EndsWith => label.ends_with(value),
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Selector, String> {
        let mut parts = vec![self.and()?];
        while self.eat(&Token::Or) {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Selector::Or))
    }

    fn and(&mut self) -> Result<Selector, String> {
        let mut parts = vec![self.single()?];
        while self.eat(&Token::And) {
            parts.push(self.single()?);
        }
        Ok(one_or(parts, Selector::And))
    }

    fn single(&mut self) -> Result<Selector, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!(
                "more than {DEPTH} parentheses or negations inside each other"
            ));
        }
        let selector = match self.next()? {
            Token::Not => Selector::Not(Box::new(self.single()?)),
            Token::Open => {
                let inner = self.or()?;
                self.expect(&Token::Close)?;
                inner
            }
            Token::All => Selector::All,
            Token::Global => Selector::Global,
            Token::Has(name) => Selector::Has(name),
            Token::Label(name) => self.comparison(name)?,
            other @ (Token::Text(_)
            | Token::Close
            | Token::OpenSet
            | Token::CloseSet
            | Token::Comma
            | Token::And
            | Token::Or
            | Token::Compare(_)
            | Token::In
            | Token::NotIn) => return Err(format!("unexpected {other}: a label or a function begins here")),
        };
        self.depth -= 1;
        Ok(selector)
    }

    fn comparison(&mut self, name: String) -> Result<Selector, String> {
        let operator = self
            .next()
            .map_err(|_| format!("nothing follows the label {name}"))?;
        if let Token::Compare(how) = operator {
            let value = self.next()?;
            let Token::Text(value) = value else {
                return Err(format!("{value} after the operator: a value stands in ' or \""));
            };
            return Ok(Selector::Compare(name, how, value));
        }
        if operator == Token::In {
            return Ok(Selector::In(name, self.set()?));
        }
        if operator == Token::NotIn {
            return Ok(Selector::NotIn(name, self.set()?));
        }
        Err(format!(
            "{operator} after the label {name}: ==, !=, in, not in, contains, starts with or ends with follows"
        ))
    }

    fn set(&mut self) -> Result<Vec<String>, String> {
        self.expect(&Token::OpenSet)?;
        let mut values = Vec::new();
        while let Some(Token::Text(value)) = self.tokens.first() {
            values.push(value.clone());
            self.tokens = &self.tokens[1..];
            if !self.eat(&Token::Comma) {
                break;
            }
        }
        self.expect(&Token::CloseSet)?;
        Ok(values)
    }

    fn next(&mut self) -> Result<Token, String> {
        let (first, rest) = self.tokens.split_first().ok_or("it ends too early")?;
        self.tokens = rest;
        Ok(first.clone())
    }

    fn eat(&mut self, token: &Token) -> bool {
        let found = self.tokens.first() == Some(token);
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), String> {
        if self.eat(token) {
            return Ok(());
        }
        Err(match self.tokens.first() {
            Some(other) => format!("{other} where {token} is expected"),
            None => format!("it ends where {token} is expected"),
        })
    }
}

fn one_or(mut parts: Vec<Selector>, many: impl FnOnce(Vec<Selector>) -> Selector) -> Selector {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        many(parts)
    }
}

#[cfg(test)]
mod tests;
