//! What was annotated, as it was written: signatures parsed, bodies kept as tokens, which may be
//! half typed.

use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt as _};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, Generics, Meta, Signature, Token, Type, Visibility, parse_quote};

use crate::arg::is_arg;
use crate::docs::is_doc;
use crate::kind::Kind;

/// A function or an `impl`.
pub(crate) enum Item {
    Function(FunctionItem),
    Impl(ImplItem),
}

impl Item {
    /// Reads what carries the attribute of this kind.
    pub(crate) fn parse(input: ParseStream<'_>, kind: Kind) -> syn::Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        let is_impl = ahead.peek(Token![impl]) || (ahead.peek(Token![unsafe]) && ahead.peek2(Token![impl]));
        if is_impl && kind == Kind::Tool {
            return input.parse().map(Self::Impl);
        }
        ahead.parse::<Visibility>()?;
        if !starts_function(&ahead) {
            let (attribute, shape) = (kind.attribute(), kind.shape());
            return Err(ahead.error(match kind {
                Kind::Tool => format!("`{attribute}` goes on a function, {shape}, or on an `impl` with such functions"),
                _ => format!(
                    "`{attribute}` goes on a function, {shape}; an `impl` with such functions carries `#[tool]`"
                ),
            }));
        }
        FunctionItem::parse(input, kind).map(Self::Function)
    }
}

/// A function.
pub(crate) struct FunctionItem {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    body: TokenStream,
    /// What a `#[cfg_attr(..)]` said that held its `#[tool]`.
    own_conditions: Vec<Attribute>,
}

impl FunctionItem {
    fn parse(input: ParseStream<'_>, kind: Kind) -> syn::Result<Self> {
        Ok(Self {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: body(input, kind)?,
            own_conditions: Vec::new(),
        })
    }
}

/// The block of a function, and nothing of what follows it.
fn body(input: ParseStream<'_>, kind: Kind) -> syn::Result<TokenStream> {
    if input.peek(syn::token::Brace) {
        return Ok(input.parse::<proc_macro2::TokenTree>()?.into());
    }
    if input.peek(Token![;]) {
        return Err(input.error(format!("a {} needs a body: `{{ .. }}` instead of `;`", kind.noun())));
    }
    input.parse()
}

fn starts_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.parse::<Signature>().is_ok() || {
        // A signature with a mistake in it: its own error is the better one.
        let ahead = input.fork();
        let ends = |ahead: ParseStream<'_>| {
            ahead.peek(syn::token::Paren)
                || ahead.peek(syn::token::Brace)
                || ahead.peek(Token![=])
                || ahead.peek(Token![:])
                || ahead.peek(Token![;])
        };
        while !ahead.is_empty() && !ends(&ahead) {
            if ahead.peek(Token![fn]) {
                return true;
            }
            if ahead.parse::<proc_macro2::TokenTree>().is_err() {
                return false;
            }
        }
        false
    }
}

/// The function without what only the macro understands.
impl ToTokens for FunctionItem {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let mut signature = self.signature.clone();
        for input in &mut signature.inputs {
            if let FnArg::Typed(param) = input {
                param.attrs.retain(|attribute| !is_doc(attribute) && !is_arg(attribute));
            }
        }
        // It owns its arguments, has as many as it has, and cannot be `const`.
        let many = (signature.inputs.len() > 7).then(|| quote::quote! { clippy::too_many_arguments, });
        // Said only where it is needed: a crate that forbids all of Clippy's lints warns of each that is allowed.
        let boxed = signature.inputs.iter().any(is_boxed).then(|| quote::quote! { clippy::boxed_local, });
        tokens.append_all(quote::quote! {
            #[allow(#many #boxed clippy::needless_pass_by_value, clippy::missing_const_for_fn)]
        });
        // Spans of attributes survive, so that editors find their way.
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(tokens);
        signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

/// Whether a parameter is a `Box`, also one that another macro handed on.
fn is_boxed(input: &FnArg) -> bool {
    fn is_box(ty: &Type) -> bool {
        match ty {
            Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Box"),
            Type::Group(group) => is_box(&group.elem),
            Type::Paren(paren) => is_box(&paren.elem),
            _ => false,
        }
    }
    matches!(input, FnArg::Typed(param) if is_box(&param.ty))
}

impl FunctionItem {
    /// The type that the function returns.
    pub(crate) fn returns(&self) -> Type {
        match &self.signature.output {
            syn::ReturnType::Default => parse_quote!(()),
            syn::ReturnType::Type(_, returned) => (**returned).clone(),
        }
    }

    /// The conditions that it is there on.
    pub(crate) fn conditions(&self) -> Vec<Attribute> {
        let own = self.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        own.chain(&self.own_conditions).cloned().collect()
    }

    /// Takes the `#[tool(..)]` or one of its sisters off a method, also out of a
    /// `#[cfg_attr(.., tool(..))]`: which it is, and what stands in the parentheses.
    fn take_own(&mut self) -> Option<(Kind, TokenStream)> {
        let is_own = |it: &Attribute| kind_of(it.path()).is_some() || conditional(it).is_some();
        let at = self.attributes.iter().position(is_own)?;
        let attribute = self.attributes.remove(at);
        let (own, condition) = match conditional(&attribute) {
            None => (attribute.meta, None),
            Some(Conditional { condition, own, others }) => {
                if !others.is_empty() {
                    self.attributes.insert(at, parse_quote! { #[cfg_attr(#condition, #(#others),*)] });
                }
                (own, Some(condition))
            }
        };
        self.own_conditions.extend(condition.map(|condition| -> Attribute {
            parse_quote! { #[cfg(#condition)] }
        }));
        let kind = kind_of(own.path())?;
        Some(match own {
            Meta::List(list) => (kind, list.tokens),
            _ => (kind, TokenStream::new()),
        })
    }
}

/// A `#[cfg_attr(condition, tool, others)]`, which nobody takes apart inside an `impl`.
struct Conditional {
    condition: Meta,
    own: Meta,
    others: Vec<Meta>,
}

fn conditional(attribute: &Attribute) -> Option<Conditional> {
    if !attribute.path().is_ident("cfg_attr") {
        return None;
    }
    let list = Punctuated::<Meta, Token![,]>::parse_terminated;
    let mut metas = attribute.parse_args_with(list).ok()?.into_iter();
    let condition = metas.next()?;
    let (own, others): (Vec<_>, Vec<_>) = metas.partition(|meta| kind_of(meta.path()).is_some());
    Some(Conditional { condition, own: own.into_iter().next()?, others })
}

/// The kind of `#[tool]` or `#[mcp_runtime::tool]`; an attribute of another library may have the
/// same name.
fn kind_of(path: &syn::Path) -> Option<Kind> {
    let segments = &path.segments;
    let first_is_ours =
        segments.len() < 2 || segments.iter().any(|it| it.ident == "mcp_runtime" || it.ident == "crate");
    segments.last().filter(|_| first_is_ours).and_then(|last| Kind::from_noun(&last.ident))
}

/// An `impl` with methods that are tools, prompts or resources.
pub(crate) struct ImplItem {
    pub(crate) attributes: Vec<Attribute>,
    inner: Vec<Attribute>,
    pub(crate) head: TokenStream,
    pub(crate) generics: Generics,
    pub(crate) of_trait: Option<syn::Path>,
    pub(crate) owner: Type,
    pub(crate) members: Vec<Member>,
}

/// What stands in an `impl`.
pub(crate) enum Member {
    Function(Kind, TokenStream, Box<FunctionItem>),
    Other(TokenStream),
}

impl Parse for ImplItem {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let mut head = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![impl]) {
            head.append(input.parse::<proc_macro2::TokenTree>()?);
        }
        let keyword: Token![impl] = input.parse()?;
        keyword.to_tokens(&mut head);
        let mut generics: Generics = if input.peek(Token![<]) { input.parse()? } else { Generics::default() };
        let first: Type = input.parse()?;
        let (of_trait, owner) = match (input.parse::<Option<Token![for]>>()?, first) {
            (Some(_), Type::Path(path)) => (Some(path.path), input.parse()?),
            (Some(_), _) => return Err(input.error("expected a trait before `for`")),
            (None, owner) => (None, owner),
        };
        generics.where_clause = input.parse()?;
        let content;
        syn::braced!(content in input);
        let inner = content.call(Attribute::parse_inner)?;
        let mut members = Vec::new();
        while !content.is_empty() {
            members.push(content.parse()?);
        }
        Ok(Self { attributes, inner, head, generics, of_trait, owner, members })
    }
}

impl Parse for Member {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        if !starts_function(&ahead) {
            return Ok(Self::Other(input.parse::<syn::ImplItem>()?.into_token_stream()));
        }
        let mut function = FunctionItem::parse(input, Kind::Tool)?;
        let taken = function.take_own();
        if let (Some((first, _)), Some(again)) =
            (&taken, function.attributes.iter().find(|it| kind_of(it.path()).is_some()))
        {
            let first = first.attribute();
            let message = match kind_of(again.path()) {
                Some(kind) if kind.attribute() == first => format!("`{first}` is given twice; remove one of them"),
                _ => format!("a method is one of these, and carries `{first}` already; remove one of them"),
            };
            return Err(syn::Error::new_spanned(again, message));
        }
        Ok(match taken {
            Some((kind, attribute)) => Self::Function(kind, attribute, Box::new(function)),
            // Attributes of parameters are not ours here.
            None => Self::Other(function.as_written()),
        })
    }
}

impl FunctionItem {
    fn as_written(&self) -> TokenStream {
        let Self { attributes, visibility, signature, body, .. } = self;
        quote::quote! { #(#attributes)* #visibility #signature #body }
    }
}

/// The `impl` without what only the macro understands.
impl ToTokens for ImplItem {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, inner, head, generics, of_trait, owner, members } = self;
        let of_trait = of_trait.iter().map(|path| quote::quote! { #path for });
        let params = (!generics.params.is_empty()).then(|| {
            let params = &generics.params;
            quote::quote! { <#params> }
        });
        let clause = &generics.where_clause;
        let members = members.iter().map(|member| match member {
            Member::Function(_, _, function) => function.to_token_stream(),
            Member::Other(other) => other.clone(),
        });
        tokens.append_all(quote::quote! {
            #(#attributes)* #head #params #(#of_trait)* #owner #clause { #(#inner)* #(#members)* }
        });
    }
}
