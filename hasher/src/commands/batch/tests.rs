//! Rows in, rows out.

use super::*;

/// What becomes of these rows.
fn answered(rows: &str) -> String {
    let mut output = Vec::new();
    run(2, &Bounds::default(), rows.as_bytes(), &mut output).unwrap();
    String::from_utf8(output).unwrap()
}

#[test]
fn rows_keep_their_order_and_every_field_but_the_password() {
    // MD5 of "password", and bcrypt, which takes longer, of "a".
    let md5 = "5f4dcc3b5aa765d61d8327deb882cf99";
    let bcrypt = "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";
    let rows = format!(
        "{{\"id\":1.50,\"encoded\":\"{bcrypt}\",\"password\":\"a\"}}\n\
         {{\"password_b64\":\"cGFzc3dvcmQ=\",\"z\":{{\"y\": [1, 2]}},\"encoded\":\"{md5}\",\"a\":\"\\u00e9\"}}\n\n\
         {{\"password\":null,\"password_hex\":\"70617373776F7265\",\"encoded\":\"{md5}\"}}\r\n\
         {{\"password\":\"a\",\"encoded\":\"{bcrypt}\",\"outcome\":\"old\"}}"
    );
    assert_eq!(
        answered(&rows),
        format!(
            "{{\"id\":1.50,\"encoded\":\"{bcrypt}\",\"outcome\":\"match\"}}\n\
             {{\"z\":{{\"y\": [1, 2]}},\"encoded\":\"{md5}\",\"a\":\"\\u00e9\",\"outcome\":\"match\"}}\n\
             {{\"encoded\":\"{md5}\",\"outcome\":\"mismatch\"}}\n\
             {{\"encoded\":\"{bcrypt}\",\"outcome\":\"match\"}}\n"
        )
    );
}

#[test]
fn what_cannot_be_answered_says_why() {
    let long = format!("{{\"encoded\":\"!\",\"password\":\"{}\"}}", "a".repeat(1025));
    let rows = [
        ("nonsense", "malformed-request"),
        ("[]", "malformed-request"),
        ("{\"password\":\"a\"}", "malformed-request"),
        ("{\"encoded\":\"!\"}", "malformed-request"),
        ("{\"encoded\":null,\"password\":\"a\"}", "malformed-request"),
        ("{\"encoded\":\"!\",\"encoded\":\"!\",\"password\":\"a\"}", "malformed-request"),
        ("{\"encoded\":\"!\",\"password\":\"a\",\"password_hex\":\"61\"}", "malformed-request"),
        ("{\"encoded\":\"!\",\"password\":1}", "malformed-request"),
        ("{\"encoded\":\"!\",\"password_hex\":\"6\"}", "malformed-request"),
        ("{\"encoded\":\"!\",\"password_hex\":\"6g\"}", "malformed-request"),
        ("{\"encoded\":\"!\",\"password_b64\":\"YQ\"}", "malformed-request"),
        (&long, "password-too-long"),
        ("{\"encoded\":\"$nothing$\",\"password\":\"a\"}", "unsupported-format"),
        (
            "{\"encoded\":\"$2b$20$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK\",\"password\":\"a\"}",
            "cost-out-of-bounds",
        ),
        ("{\"encoded\":\"!\",\"password\":\"\"}", "mismatch"),
    ];
    let answers = answered(&rows.map(|(row, _)| row).join("\n"));
    assert_eq!(answers.lines().count(), rows.len());
    for ((row, outcome), answer) in rows.iter().zip(answers.lines()) {
        let end = format!("\"outcome\":\"{outcome}\"}}");
        assert!(answer.ends_with(&end), "{row}: {answer}");
    }
}
