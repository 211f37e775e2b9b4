//! What was annotated, as it was written: signatures parsed, bodies kept as tokens, which may be
//! half typed.

use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt as _};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, Generics, Meta, Signature, Token, Type, Visibility, parse_quote};

use crate::arg::is_arg;
use crate::docs::is_doc;

/// A function or an `impl`.
pub(crate) enum Item {
    Function(ToolItem),
    Impl(ImplItem),
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        if ahead.peek(Token![impl]) || (ahead.peek(Token![unsafe]) && ahead.peek2(Token![impl])) {
            return input.parse().map(Self::Impl);
        }
        ahead.parse::<Visibility>()?;
        if !starts_function(&ahead) {
            return Err(ahead.error(
                "`#[tool]` goes on a function, `#[tool] fn name(..) -> .. { .. }`, \
                 or on an `impl` with such functions",
            ));
        }
        input.parse().map(Self::Function)
    }
}

/// A function.
pub(crate) struct ToolItem {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    body: TokenStream,
    /// What a `#[cfg_attr(..)]` said that held its `#[tool]`.
    tool_conditions: Vec<Attribute>,
}

impl Parse for ToolItem {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: body(input)?,
            tool_conditions: Vec::new(),
        })
    }
}

/// The block of a function, and nothing of what follows it.
fn body(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    if input.peek(syn::token::Brace) {
        return Ok(input.parse::<proc_macro2::TokenTree>()?.into());
    }
    if input.peek(Token![;]) {
        return Err(input.error("a tool needs a body: `{ .. }` instead of `;`"));
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
impl ToTokens for ToolItem {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let mut signature = self.signature.clone();
        for input in &mut signature.inputs {
            if let FnArg::Typed(param) = input {
                param.attrs.retain(|attribute| !is_doc(attribute) && !is_arg(attribute));
            }
        }
        // A tool owns its arguments, has as many as it has, and cannot be `const`.
        let many = (signature.inputs.len() > 7).then(|| quote::quote! { clippy::too_many_arguments, });
        tokens.append_all(quote::quote! {
            #[allow(#many clippy::needless_pass_by_value, clippy::boxed_local, clippy::missing_const_for_fn)]
        });
        // Spans of attributes survive, so that editors find their way.
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(tokens);
        signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

impl ToolItem {
    /// The type that the function returns.
    pub(crate) fn returns(&self) -> Type {
        match &self.signature.output {
            syn::ReturnType::Default => parse_quote!(()),
            syn::ReturnType::Type(_, returned) => (**returned).clone(),
        }
    }

    /// The conditions that the tool is there on.
    pub(crate) fn conditions(&self) -> Vec<Attribute> {
        let own = self.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        own.chain(&self.tool_conditions).cloned().collect()
    }

    /// Takes the `#[tool(..)]` off a method, also out of a `#[cfg_attr(.., tool(..))]`: what
    /// stands in the parentheses.
    fn take_tool(&mut self) -> Option<TokenStream> {
        let at = self.attributes.iter().position(|it| is_tool(it.path()) || conditional_tool(it).is_some())?;
        let attribute = self.attributes.remove(at);
        let (tool, condition) = match conditional_tool(&attribute) {
            None => (attribute.meta, None),
            Some(Conditional { condition, tool, others }) => {
                if !others.is_empty() {
                    self.attributes.insert(at, parse_quote! { #[cfg_attr(#condition, #(#others),*)] });
                }
                (tool, Some(condition))
            }
        };
        self.tool_conditions.extend(condition.map(|condition| -> Attribute {
            parse_quote! { #[cfg(#condition)] }
        }));
        Some(match tool {
            Meta::List(list) => list.tokens,
            _ => TokenStream::new(),
        })
    }
}

/// A `#[cfg_attr(condition, tool, others)]`, which nobody takes apart inside an `impl`.
struct Conditional {
    condition: Meta,
    tool: Meta,
    others: Vec<Meta>,
}

fn conditional_tool(attribute: &Attribute) -> Option<Conditional> {
    if !attribute.path().is_ident("cfg_attr") {
        return None;
    }
    let list = Punctuated::<Meta, Token![,]>::parse_terminated;
    let mut metas = attribute.parse_args_with(list).ok()?.into_iter();
    let condition = metas.next()?;
    let (tools, others): (Vec<_>, Vec<_>) = metas.partition(|meta| is_tool(meta.path()));
    Some(Conditional { condition, tool: tools.into_iter().next()?, others })
}

/// `#[tool]` or `#[mcp_runtime::tool]`; an attribute of another library may have the same name.
fn is_tool(path: &syn::Path) -> bool {
    let segments = &path.segments;
    let first_is_ours =
        segments.len() < 2 || segments.iter().any(|it| it.ident == "mcp_runtime" || it.ident == "crate");
    segments.last().is_some_and(|last| last.ident == "tool") && first_is_ours
}

/// An `impl` with methods that are tools.
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
    Tool(TokenStream, Box<ToolItem>),
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
        let mut function: ToolItem = input.parse()?;
        let taken = function.take_tool();
        if let (Some(_), Some(again)) = (&taken, function.attributes.iter().find(|it| is_tool(it.path()))) {
            return Err(syn::Error::new_spanned(again, "`#[tool]` is given twice; remove one of them"));
        }
        Ok(match taken {
            Some(attribute) => Self::Tool(attribute, Box::new(function)),
            // Attributes of parameters are not ours here.
            None => Self::Other(function.as_written()),
        })
    }
}

impl ToolItem {
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
            Member::Tool(_, function) => function.to_token_stream(),
            Member::Other(other) => other.clone(),
        });
        tokens.append_all(quote::quote! {
            #(#attributes)* #head #params #(#of_trait)* #owner #clause { #(#inner)* #(#members)* }
        });
    }
}
