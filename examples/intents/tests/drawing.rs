use serde_json::Value;

use super::{stream, week};
use crate::page::{json, render};
use crate::story::Story;

/// What a browser takes for the data: all up to the first end of a script after it.
fn data(page: &str) -> Value {
    let (_, after) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(after.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_text_cannot_end_the_tag_that_it_stands_in() {
    let hostile = [
        "words </script><script>alert(1)</script>",
        "words <!-- <script> </SCRIPT >",
        "words {{data}} {{script}} {{style}} \u{2028} \\ \" \u{0}",
    ];
    let story = Story::of(stream(hostile)).unwrap();
    let page = render(&story).unwrap();
    let quiet = render(&Story::of(stream(["words", "words", "words"])).unwrap()).unwrap();
    assert_eq!(page.matches('<').count(), quiet.matches('<').count());
    assert_eq!(data(&page)["text"], serde_json::json!(hostile));
}

#[test]
fn a_writer_cannot_end_it_either() {
    let mut stream = stream(["words"]);
    stream.texts[0].writer = "</script>".to_owned();
    stream.name = "</script>".to_owned();
    let data = json(&Story::of(stream).unwrap()).unwrap();
    assert!(!data.contains('<') && data.contains("\\u003c/script>"), "{data}");
}

#[test]
fn the_page_asks_the_network_for_nothing() {
    let page = render(week()).unwrap();
    let markup = page.replace(&json(week()).unwrap(), "");
    for word in
        ["http:", "https:", "//cdn", "src=", "href=", "url(", "@import", "fetch(", "import(", "eval(", "innerHTML"]
    {
        assert!(!markup.contains(word), "{word}");
    }
    assert!(markup.contains("default-src 'none'") && !markup.contains("{{"));
}

#[test]
fn what_belongs_to_events_is_as_long_as_there_are_events() {
    let story = week();
    let data = data(&render(story).unwrap());
    for list in ["text", "writer", "position", "x", "y", "path"] {
        assert_eq!(data[list].as_array().unwrap().len(), story.events.len(), "{list}");
    }
    let paths = data["path"].as_array().unwrap().iter().map(|path| path.as_array().unwrap());
    for (path, event) in paths.zip(&story.events) {
        assert_eq!(path.len(), 2 * event.path.len() - 1);
        assert_eq!(path.last().unwrap(), event.now());
    }
    assert_eq!(data["intents"].as_array().unwrap().len(), story.intents.len());
    assert_eq!(data["facts"].as_array().unwrap().len(), story.facts.len());
    let writer = |event: usize| &data["writers"][usize::try_from(data["writer"][event].as_u64().unwrap()).unwrap()];
    assert_eq!(writer(7), &story.events[7].writer);
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let long = format!("a{}", "ü".repeat(1000));
    let data = data(&render(&Story::of(stream([long])).unwrap()).unwrap());
    let text = data["text"][0].as_str().unwrap();
    assert!(text.starts_with("aü") && text.ends_with("ü…"));
    assert_eq!(text.chars().count(), 401);
}
