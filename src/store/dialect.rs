//! What PostgreSQL says otherwise than SQLite. The store's statements are written once, in words that both understand
//! wherever there are such words; everything else is here. A parameter that may be nothing is compared with a column
//! before it is asked whether it is nothing, because PostgreSQL learns its kind from the first. It knows no noun.

/// Phrases of the store's statements, and the same for PostgreSQL.
const PHRASES: [(&str, &str); 4] = [
    ("GLOB '*/inbox/*'", "LIKE '%/inbox/%'"),
    ("json_each(feature_flags) AS wanted", "json_array_elements_text(feature_flags::json) AS wanted (value)"),
    ("json_each(?5) AS own", "json_array_elements_text(?5::text::json) AS own (value)"),
    ("json_each(?4)", "json_array_elements_text(?4::text::json)"),
];

/// A statement of the store's for PostgreSQL.
pub(super) fn for_postgres(sql: &str) -> String {
    let said = PHRASES.iter().fold(sql.to_owned(), |sql, (here, there)| sql.replace(here, there));
    said.replace('?', "$")
}

/// The bytes of the whole database; what of them is free, a server does not say.
pub(super) const SIZE_OF_SERVER_DATABASE: &str = "SELECT pg_database_size(current_database()), 0";

#[cfg(test)]
mod tests {
    use super::for_postgres;

    #[test]
    fn parameters_and_phrases_are_put_into_the_other_words() {
        assert_eq!(for_postgres("SELECT a FROM b WHERE c = ?1 LIMIT ?12"), "SELECT a FROM b WHERE c = $1 LIMIT $12");
        assert_eq!(for_postgres("url GLOB '*/inbox/*'"), "url LIKE '%/inbox/%'");
    }
}
