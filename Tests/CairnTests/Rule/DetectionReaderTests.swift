import Testing

@testable import Cairn

@Suite struct DetectionReaderTests {
    private func id(_ name: String) throws -> FieldID {
        try #require(RuleFixtures.fields.field(named: name, subject: 1))
    }

    @Test
    func `a rule becomes a tree of tests`() throws {
        let set = RuleFixtures.http(
            """
            lookup:
              http.uri|contains: '${jndi:'
            filter:
              sc-status: [400, '404']
            condition: lookup and not filter
            """)
        #expect(RuleFixtures.messages(set) == [])
        let rule = try #require(set.detections.first)
        let uri = FieldMatch(
            field: try id("http.uri"),
            predicate: .text(
                TextPattern(parts: [.anyMany, .literal(Array("${jndi:".utf8)), .anyMany])))
        let status = try id("http.stat_code")
        #expect(
            rule.condition
                == .all([
                    .match(uri),
                    .not(
                        .any([
                            .match(FieldMatch(field: status, predicate: .number(.equal, 400))),
                            .match(FieldMatch(field: status, predicate: .number(.equal, 404))),
                        ])),
                ]))
    }
}
