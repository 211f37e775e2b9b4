//! What calls need to know of the parameters of a function, made once, when the server starts.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::param::{ParamDetails, ParamKind, ParamSpec};
use crate::engine::Kind;
use crate::schema::{Checker, Facts, Rule, is_of_kind};

/// How far an argument may be from its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Leniency {
    /// Not at all.
    Strict,
    /// Objects and arrays may arrive as text, null may stand for what is absent.
    #[default]
    Usual,
    /// Numbers and booleans may arrive as text, too.
    Lenient,
    /// Everything arrives as text, as arguments of prompts do. Empty text stands for what may be
    /// left out and is no text.
    Text,
}

impl Leniency {
    /// Whether numbers and booleans may arrive as text.
    pub(super) fn reads_text(self) -> bool {
        matches!(self, Self::Lenient | Self::Text)
    }
}

/// The parameters of a function, in their order.
#[derive(Debug)]
pub(crate) struct ArgumentTable {
    pub(super) kind: &'static Kind,
    pub(super) name: Arc<str>,
    pub(super) slots: Vec<Slot>,
    pub(super) leniency: Leniency,
}

impl ArgumentTable {
    pub(crate) fn new(kind: &'static Kind, name: Arc<str>, slots: Vec<Slot>, leniency: Leniency) -> Self {
        Self { kind, name, slots, leniency }
    }

    /// The parameter that takes an argument of this name.
    pub(super) fn place(&self, name: &str) -> Option<(usize, &Slot)> {
        let slots = || self.slots.iter().enumerate();
        slots().find(|(_, slot)| slot.is_named(name)).or_else(|| slots().find(|(_, slot)| slot.is_open()))
    }

    /// All names that callers can use.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.slots
            .iter()
            .flat_map(|slot| match slot {
                Slot::Injected => &[][..],
                Slot::One(argument) => std::slice::from_ref(&argument.name),
                Slot::Many(argument) => &argument.fields,
            })
            .map(|name| &**name)
    }
}

/// One parameter.
#[derive(Debug)]
pub(crate) enum Slot {
    /// The server gives it.
    Injected,
    /// An argument.
    One(Argument),
    /// Its fields are arguments.
    Many(Argument),
}

impl Slot {
    fn is_named(&self, name: &str) -> bool {
        match self {
            Self::Injected => false,
            Self::One(argument) => argument.name == name,
            Self::Many(argument) => argument.fields.iter().any(|field| field == name),
        }
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Many(argument) if argument.open)
    }

    pub(super) fn argument(&self) -> Option<&Argument> {
        match self {
            Self::Injected => None,
            Self::One(argument) | Self::Many(argument) => Some(argument),
        }
    }
}

/// An argument, or several that are decoded together.
#[derive(Debug)]
pub(crate) struct Argument {
    /// Empty for several.
    pub(super) name: Cow<'static, str>,
    /// The names of several.
    pub(super) fields: Vec<Cow<'static, str>>,
    /// Of several, names that are not known are taken, too.
    pub(super) open: bool,
    /// It may be left out.
    pub(super) optional: bool,
    pub(super) default: Option<Box<RawValue>>,
    pub(super) rules: Vec<Rule>,
    pub(super) kinds: Kinds,
    /// As callers see it, with the definitions that it refers to.
    pub(super) schema: Value,
    checker: OnceLock<Checker>,
}

impl Argument {
    /// An argument of this schema, which has its definitions with it.
    pub(crate) fn one(name: &'static str, schema: Value, details: &ParamDetails, optional: bool) -> Self {
        let default = details.default.as_ref().and_then(|default| default.as_ref().ok()).cloned();
        Self { name: name.into(), default, optional, rules: details.rules.clone(), ..Self::of_schema(schema) }
    }

    /// Several arguments: the fields of a type.
    pub(crate) fn many(fields: Vec<String>, open: bool, optional: bool, schema: Value) -> Self {
        let fields = fields.into_iter().map(Cow::Owned).collect();
        Self { fields, open, optional, ..Self::of_schema(schema) }
    }

    fn of_schema(schema: Value) -> Self {
        Self {
            name: "".into(),
            fields: Vec::new(),
            open: false,
            optional: false,
            default: None,
            rules: Vec::new(),
            kinds: Kinds::of(&schema, &schema),
            schema,
            checker: OnceLock::new(),
        }
    }

    /// One of the fields of several.
    pub(super) fn field(&self, name: &str) -> Option<Field> {
        Field::of(&self.schema, name)
    }

    pub(super) fn checker(&self) -> &Checker {
        self.checker.get_or_init(|| Checker::new(self.schema.clone()))
    }
}

/// A property of an object, as far as reading it leniently goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) kinds: Kinds,
    pub(super) may_be_absent: bool,
}

impl Field {
    pub(super) fn of(object: &Value, name: &str) -> Option<Self> {
        let schema = object.get("properties")?.get(name)?;
        let mut required = object.get("required").and_then(Value::as_array).into_iter().flatten();
        Some(Self { kinds: Kinds::of(schema, object), may_be_absent: !required.any(|it| it == name) })
    }
}

/// Which kinds of JSON a schema takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(super) text: bool,
    pub(super) object: bool,
    pub(super) array: bool,
    pub(super) number: bool,
    pub(super) boolean: bool,
    pub(super) null: bool,
}

impl Kinds {
    const ANY: Self = Self { text: true, object: true, array: true, number: true, boolean: true, null: true };

    pub(super) fn of(schema: &Value, root: &Value) -> Self {
        let mut kinds = Self::default();
        kinds.collect(schema, root, 0);
        kinds
    }

    fn collect(&mut self, schema: &Value, root: &Value, depth: usize) {
        const DEEPEST: usize = 16;
        let Value::Object(members) = schema else { return *self = Self::ANY };
        let mut said = false;
        for kind in ["string", "object", "array", "number", "integer", "boolean", "null"] {
            let is_said = match members.get("type") {
                Some(Value::String(said)) => said == kind,
                Some(Value::Array(several)) => several.iter().any(|it| it == kind),
                _ => false,
            };
            if is_said {
                said = true;
                self.add(kind);
            }
        }
        if said {
            return;
        }
        let constants = members.get("enum").and_then(Value::as_array).into_iter().flatten().chain(members.get("const"));
        for constant in constants {
            said = true;
            ["string", "object", "array", "number", "boolean", "null"]
                .into_iter()
                .filter(|kind| is_of_kind(kind, constant))
                .for_each(|kind| self.add(kind));
        }
        let choices = ["anyOf", "oneOf"].into_iter().filter_map(|keyword| members.get(keyword)?.as_array()).flatten();
        let target = members.get("$ref").and_then(Value::as_str).and_then(|it| root.pointer(it.strip_prefix('#')?));
        for choice in choices.chain(target) {
            if depth < DEEPEST {
                said = true;
                self.collect(choice, root, depth + 1);
            }
        }
        if !said {
            *self = Self::ANY;
        }
    }

    fn add(&mut self, kind: &str) {
        match kind {
            "string" => self.text = true,
            "object" => self.object = true,
            "array" => self.array = true,
            "number" | "integer" => self.number = true,
            "boolean" => self.boolean = true,
            "null" => self.null = true,
            _ => {}
        }
    }
}

/// Values that must fit an argument: its default, its examples. Says which do not.
pub(crate) fn misfits(param: &ParamSpec, details: &ParamDetails) -> Vec<String> {
    let ParamKind::Argument { decodes, .. } = param.kind else { return Vec::new() };
    let values =
        details.default.iter().map(|it| ("default", it)).chain(details.examples.iter().map(|it| ("example", it)));
    let mut misfits = Vec::new();
    for (what, value) in values {
        match value {
            Err(error) => misfits.push(format!("the {what} of `{}` cannot be written as JSON: {error}", param.name)),
            Ok(json) => {
                if let Err(error) = decodes(json.get()) {
                    misfits
                        .push(format!("the {what} of `{}`, {json}, does not decode as its type: {error}", param.name));
                } else if details.rules.iter().any(|rule| !rule.holds(&Facts::of((&**json).into()))) {
                    misfits.push(format!("the {what} of `{}`, {json}, breaks its own constraints", param.name));
                }
            }
        }
    }
    misfits
}

/// Whether no value at all can keep the rules.
pub(crate) fn is_impossible(schema: &Map<String, Value>) -> bool {
    let least_above_most = |least: &str, most: &str| {
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        matches!((bound(least), bound(most)), (Some(least), Some(most)) if least > most)
    };
    // Not a number, or infinite at the wrong end.
    let is_none = |keyword: &&str| schema.get(*keyword).is_some_and(Value::is_null);
    if ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"].iter().any(is_none) {
        return true;
    }
    let touching = |least: &str, most: &str| {
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        bound(least).is_some() && bound(least) == bound(most) && bound(least).is_some_and(|it| it.abs() < 1e15)
    };
    least_above_most("minimum", "maximum")
        || least_above_most("exclusiveMinimum", "exclusiveMaximum")
        || touching("exclusiveMinimum", "exclusiveMaximum")
        || touching("minimum", "exclusiveMaximum")
        || touching("exclusiveMinimum", "maximum")
        || least_above_most("exclusiveMinimum", "maximum")
        || least_above_most("minimum", "exclusiveMaximum")
        || least_above_most("minLength", "maxLength")
        || least_above_most("minItems", "maxItems")
}
