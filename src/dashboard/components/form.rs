//! The parts of forms: each field has its label, its hint and, when it was refused, the reason beneath it, tied
//! together for who hears the page. What was typed stays.

use maud::{Markup, PreEscaped, html};

use crate::dashboard::fields::Form;

/// A field of a form.
pub struct Field<'a> {
    name: &'a str,
    label: &'a str,
    kind: &'a str,
    hint: Option<Markup>,
    placeholder: &'a str,
    required: bool,
    first: bool,
    length_max: Option<usize>,
    proposals: Option<&'a str>,
}

impl<'a> Field<'a> {
    /// A field for a line of text.
    pub fn new(name: &'a str, label: &'a str) -> Self {
        Self {
            name,
            label,
            kind: "text",
            hint: None,
            placeholder: "",
            required: false,
            first: false,
            length_max: None,
            proposals: None,
        }
    }

    /// What kind of text it takes, as HTML calls it: `url`, `search`, `password`, `number`, `datetime-local`.
    pub fn kind(self, kind: &'a str) -> Self {
        Self { kind, ..self }
    }

    /// What helps to fill it.
    pub fn hint(self, hint: &str) -> Self {
        Self { hint: Some(html! { (hint) }), ..self }
    }

    /// What helps to fill it, with links or code in it.
    pub fn hint_markup(self, hint: Markup) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// What an answer could look like.
    pub fn placeholder(self, placeholder: &'a str) -> Self {
        Self { placeholder, ..self }
    }

    /// It can't be left empty.
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Writing begins here.
    pub fn first(self) -> Self {
        Self { first: true, ..self }
    }

    /// At most so many characters.
    pub fn length_max(self, length_max: usize) -> Self {
        Self { length_max: Some(length_max), ..self }
    }

    /// The `datalist` with this id proposes what to write.
    pub fn proposals(self, id: &'a str) -> Self {
        Self { proposals: Some(id), ..self }
    }

    /// As an input of one line.
    pub fn input(&self, form: &Form) -> Markup {
        // A secret that was typed is not sent back.
        let value = if self.kind == "password" { "" } else { form.text(self.name) };
        let error = form.error(self.name);
        self.around(
            form,
            &html! {
                input type=(self.kind) id=(self.name) name=(self.name) value=(value) placeholder=[self.example()]
                    required[self.required] autofocus[self.first] maxlength=[self.length_max] list=[self.proposals]
                    autocomplete=(if self.kind == "password" { "current-password" } else { "off" })
                    spellcheck="false" aria-describedby=[self.described_by(form)] aria-invalid=[error.map(|_| "true")];
            },
        )
    }

    /// As a field of several lines.
    pub fn area(&self, form: &Form, rows: u8) -> Markup {
        let error = form.error(self.name);
        self.around(
            form,
            &html! {
                textarea id=(self.name) name=(self.name) rows=(rows) placeholder=[self.example()] dir="ltr"
                    required[self.required] autofocus[self.first] maxlength=[self.length_max] spellcheck="false"
                    aria-describedby=[self.described_by(form)] aria-invalid=[error.map(|_| "true")] {
                    // HTML drops the first line break of a text area.
                    "\n" (form.text(self.name))
                }
            },
        )
    }

    /// As a choice of one among `options`: what is sent, and what is shown.
    pub fn select<'o>(&self, form: &Form, options: impl IntoIterator<Item = (&'o str, &'o str)>) -> Markup {
        self.choice(form, &options_of(form.text(self.name), options))
    }

    /// As a choice of one among options in groups; `none` is shown where nothing is chosen.
    pub fn select_grouped<'o, O: IntoIterator<Item = (&'o str, &'o str)>>(
        &self,
        form: &Form,
        none: &str,
        groups: impl IntoIterator<Item = (&'o str, O)>,
    ) -> Markup {
        let chosen = form.text(self.name);
        let options = html! {
            option value="" { (none) }
            @for (name, options) in groups { optgroup label=(name) { (options_of(chosen, options)) } }
        };
        self.choice(form, &options)
    }

    fn choice(&self, form: &Form, options: &Markup) -> Markup {
        self.around(
            form,
            &html! {
                select id=(self.name) name=(self.name) required[self.required] autofocus[self.first]
                    aria-describedby=[self.described_by(form)] aria-invalid=[form.error(self.name).map(|_| "true")] {
                    (options)
                }
            },
        )
    }

    fn example(&self) -> Option<&str> {
        (!self.placeholder.is_empty()).then_some(self.placeholder)
    }

    fn described_by(&self, form: &Form) -> Option<String> {
        let hint = self.hint.as_ref().map(|_| format!("{}-hint", self.name));
        let error = form.error(self.name).map(|_| format!("{}-error", self.name));
        let both: Vec<_> = hint.into_iter().chain(error).collect();
        (!both.is_empty()).then(|| both.join(" "))
    }

    fn around(&self, form: &Form, control: &Markup) -> Markup {
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                (control)
                @if let Some(why) = form.error(self.name) { p.error id=(format!("{}-error", self.name)) { (why) } }
                @if let Some(hint) = &self.hint { p.hint id=(format!("{}-hint", self.name)) { (hint) } }
            }
        }
    }
}

fn options_of<'o>(chosen: &str, options: impl IntoIterator<Item = (&'o str, &'o str)>) -> Markup {
    html! { @for (value, shown) in options { option value=(value) selected[value == chosen] { (shown) } } }
}

/// A box to tick.
pub fn check(form: &Form, name: &str, value: &str, label: &Markup) -> Markup {
    html! {
        label.check { input type="checkbox" name=(name) value=(value) checked[form.has(name, value)]; span { (label) } }
    }
}

/// A button that opens a menu of actions; it needs no script.
pub fn menu(label: &Markup, items: &Markup) -> Markup {
    html! { details.drop { summary.button { (label) } div.sheet { (items) } } }
}

/// Nothing, where a part of a page can be left out.
pub fn nothing() -> Markup {
    PreEscaped(String::new())
}
