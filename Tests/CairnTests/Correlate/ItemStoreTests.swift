import Testing

@testable import Cairn

@Suite struct ItemStoreTests {
    private typealias Kind = CorrelationAlert.Value.Kind

    /// The actor and the victim of an alert with two fields as an item tells them.
    private func hosts(
        client: String, server: String, _ kind: Kind = .text, actor: String?, victim: String?
    ) -> [String?] {
        let catalog = RuleCatalog(program: CorrelationProgram(rules: [], detections: []))
        var store = ItemStore(fieldCount: 2, catalog: catalog)
        var alert = CorrelationAlert(fieldCount: 2)
        alert.label = catalog.label(rule: [49], title: nil, level: .low, tags: [])
        alert.fields[0] = alert.store(client, kind: kind)
        alert.fields[1] = alert.store(server, kind: kind)
        if let actor { alert.actor = alert.store(actor) }
        if let victim { alert.victim = alert.store(victim) }
        let item = store.add(alert)
        return [store.actor(item), store.victim(item)].map {
            $0.isMissing ? nil : String(decoding: store.text(item, $0), as: UTF8.self)
        }
    }

    @Test(arguments: [
        ("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1"), ("10.0.0.1", "10.0.0.3"),
        ("10.0.0.4", "10.0.0.3"), (nil, "10.0.0.1"), ("10.0.0.9", nil), (nil, nil), ("", ""),
    ])
    func `hosts are told whether a field says the same or none does`(
        actor: String?, victim: String?
    ) {
        let told = hosts(client: "10.0.0.1", server: "10.0.0.2", actor: actor, victim: victim)
        #expect(told == [actor, victim])
    }

    @Test func `a number is not the text of a host`() {
        #expect(
            hosts(client: "17", server: "0", .number, actor: "17", victim: "0") == ["17", "0"])
    }

    @Test func `texts that fit no slot are told as well`() {
        let long = String(repeating: "a.", count: 200)
        #expect(
            hosts(client: long, server: "b", actor: long, victim: "b" + long)
                == [long, "b" + long])
    }
}
