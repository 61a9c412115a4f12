//! The words of the selector language.

use std::fmt;

use super::Comparison;

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Label(String),
    Text(String),
    Has(String),
    All,
    Global,
    Open,
    Close,
    OpenSet,
    CloseSet,
    Comma,
    Not,
    And,
    Or,
    Compare(Comparison),
    In,
    NotIn,
}

const SIGNS: [(&str, Token); 9] = [
    ("==", Token::Compare(Comparison::Equal)),
    ("!=", Token::Compare(Comparison::Unequal)),
    ("&&", Token::And),
    ("||", Token::Or),
    ("!", Token::Not),
    ("{", Token::OpenSet),
    ("}", Token::CloseSet),
    (",", Token::Comma),
    (")", Token::Close),
];

/// The words of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (token, after) = token(rest, tokens.last())?;
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn token<'a>(rest: &'a str, before: Option<&Token>) -> Result<(Token, &'a str), String> {
    if let Some(after) = rest.strip_prefix('(') {
        return Ok((Token::Open, after));
    }
    for (sign, token) in SIGNS {
        if let Some(after) = rest.strip_prefix(sign) {
            return Ok((token, after));
        }
    }
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        '\'' | '"' => {
            let (value, after) = rest[1..]
                .split_once(first)
                .ok_or_else(|| format!("the value that begins with {rest} has no closing {first}"))?;
            Ok((Token::Text(value.to_owned()), after))
        }
        '‘' | '’' | '“' | '”' | '„' | '‚' | '«' | '»' | '´' | '`' => Err(format!(
            "{first} is a typographic quotation mark: write ' or \" around values"
        )),
        _ => word(rest, first, before),
    }
}

fn word<'a>(rest: &'a str, first: char, before: Option<&Token>) -> Result<(Token, &'a str), String> {
    let end = rest.find(|letter: char| !is_name(letter)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    if name.is_empty() {
        let hint = match first {
            '=' => ": equality is written ==",
            '&' | '|' => ": it is written twice",
            _ => "",
        };
        return Err(format!("unexpected {first:?}{hint}"));
    }
    if matches!(before, Some(Token::Label(_))) {
        return operator(name, after);
    }
    if let Some(inside) = after.trim_start().strip_prefix('(') {
        return function(name, inside);
    }
    if name.len() > 512 {
        return Err(format!("the label {name} is longer than 512 characters"));
    }
    Ok((Token::Label(name.to_owned()), after))
}

fn operator<'a>(name: &str, after: &'a str) -> Result<(Token, &'a str), String> {
    let followed = |word: &str| {
        let rest = after.trim_start().strip_prefix(word)?;
        (!rest.starts_with(is_name)).then_some(rest)
    };
    match name {
        "in" => Ok((Token::In, after)),
        "contains" => Ok((Token::Compare(Comparison::Contains), after)),
        "not" => followed("in")
            .map(|rest| (Token::NotIn, rest))
            .ok_or("after not, in is expected".into()),
        "starts" => followed("with")
            .map(|rest| (Token::Compare(Comparison::StartsWith), rest))
            .ok_or("after starts, with is expected".into()),
        "ends" => followed("with")
            .map(|rest| (Token::Compare(Comparison::EndsWith), rest))
            .ok_or("after ends, with is expected".into()),
        other => Err(format!(
            "{other} after a label: ==, !=, in, not in, contains, starts with or ends with follows"
        )),
    }
}

fn function<'a>(name: &str, inside: &'a str) -> Result<(Token, &'a str), String> {
    let (argument, after) = inside
        .split_once(')')
        .ok_or_else(|| format!("{name}( has no )"))?;
    let argument = argument.trim();
    match name {
        "all" if argument.is_empty() => Ok((Token::All, after)),
        "global" if argument.is_empty() => Ok((Token::Global, after)),
        "has" if !argument.is_empty() && argument.chars().all(is_name) => {
            Ok((Token::Has(argument.to_owned()), after))
        }
        "has" => Err(format!("has({argument}): a label stands there, without quotes")),
        _ => Err(format!(
            "{name}({argument}) is no function: there are all(), global() and has(label)"
        )),
    }
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_./-".contains(letter)
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Token::Label(name) => return write!(f, "the label {name}"),
            Token::Text(value) => return write!(f, "the value {value:?}"),
            Token::Has(name) => return write!(f, "has({name})"),
            Token::All => "all()",
            Token::Global => "global()",
            Token::Open => "(",
            Token::Close => ")",
            Token::OpenSet => "{",
            Token::CloseSet => "}",
            Token::Comma => ",",
            Token::Not => "!",
            Token::And => "&&",
            Token::Or => "||",
            Token::Compare(Comparison::Equal) => "==",
            Token::Compare(Comparison::Unequal) => "!=",
            Token::Compare(Comparison::Contains) => "contains",
            Token::Compare(Comparison::StartsWith) => "starts with",
            Token::Compare(Comparison::EndsWith) => "ends with",
            Token::In => "in",
            Token::NotIn => "not in",
        };
        f.write_str(text)
    }
}
