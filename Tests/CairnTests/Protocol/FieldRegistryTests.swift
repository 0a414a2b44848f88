import Testing

@testable import Cairn

@Suite struct FieldRegistryTests {
    @Test func `no name means two fields of one subject`() {
        let common = names(of: FieldRegistry.subjects[FieldRegistry.common])
        #expect(Set(common).count == common.count)
        for subject in FieldRegistry.subjects.dropFirst() {
            let own = names(of: subject)
            #expect(Set(own).count == own.count, "\(subject.name): \(duplicates(own))")
            let shared = Set(own).intersection(common)
            #expect(shared.isEmpty, "\(subject.name): \(shared)")
        }
    }

    private func names(of subject: ProtocolDefinition) -> [String] {
        subject.fields.flatMap { [$0.name] + $0.aliases }
    }

    private func duplicates(_ names: [String]) -> [String] {
        Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
    }

    @Test func `no name means two services`() {
        let names = FieldRegistry.subjects.flatMap { [$0.name] + $0.aliases }
        #expect(Set(names).count == names.count)
        #expect(FieldRegistry.subject(named: "conn") == FieldRegistry.subject(named: "flow"))
        #expect(FieldRegistry.subject(named: "nothing") == nil)
    }

    @Test func `every field has its meaning and a name of the registry's form`() {
        for subject in FieldRegistry.subjects {
            #expect(!subject.summary.isEmpty)
            for field in subject.fields {
                #expect(!field.summary.isEmpty, "\(field.name)")
                #expect(!field.summary.hasSuffix("."), "\(field.name)")
                #expect(field.name == field.name.lowercased())
            }
        }
    }

    @Test(arguments: [
        ("dns", "dns.query", "dns.query"), ("dns", "query", "dns.rrname"),
        ("dns", "id.resp_p", "server.port"), ("dns", "answer", "dns.answer.rdata"),
        ("dns", "DestinationIp", "dst.ip"), ("packet", "dsize", "payload.size"),
        ("packet", "itype", "icmp.type"), ("flow", "orig_bytes", "flow.payload_toserver"),
        ("flow", "DestinationHostname", "server.name"), ("stream", "payload", "payload"),
        ("mdns", "query", "mdns.rrname"), ("flow", "proto", "proto"),
    ])
    func `a field is found by its name and its aliases`(
        service: String, name: String, expected: String
    ) throws {
        let subject = try #require(FieldRegistry.subject(named: service))
        let field = try #require(FieldRegistry.field(named: name, subject: subject))
        #expect(FieldRegistry.definition(of: field).name == expected)
    }

    @Test func `a misspelt name gets the nearest one`() throws {
        let dns = try #require(FieldRegistry.subject(named: "dns"))
        #expect(FieldRegistry.field(named: "dns.qurey", subject: dns) == nil)
        #expect(FieldRegistry.suggestion(for: "dns.qurey", subject: dns) == "dns.query")
        #expect(FieldRegistry.suggestion(for: "sevrer.port", subject: dns) == "server.port")
        #expect(FieldRegistry.suggestion(for: "completely different", subject: dns) == nil)
        #expect(FieldRegistry.suggestion(for: "icmp.tpye") == "icmp.type")
    }

    @Test func `a field is described in full`() {
        #expect(
            FieldRegistry.describe("dns.rcode.name") == """
                dns.rcode.name
                  response code by name: NOERROR, NXDOMAIN, SERVFAIL
                  type: text
                  subject: dns (DNS messages over UDP and TCP (RFC 1035))
                  sent by: server
                  also: rcode_name, response_code, dns.response_code
                  in events: dns.rcode

                """)
        #expect(FieldRegistry.describe("rcode_name")?.contains("mdns.rcode.name") == true)
        #expect(FieldRegistry.describe("flow")?.contains("flow.conn_state") == true)
        #expect(FieldRegistry.describe("unheard.of") == nil)
    }

    @Test func `list and reference page name every field`() {
        let list = FieldRegistry.list()
        let page = FieldRegistry.referencePage()
        for subject in FieldRegistry.subjects {
            #expect(page.contains("\n## \(subject.name)\n"))
            for field in subject.fields {
                #expect(list.contains("\n  \(field.name) "))
                #expect(page.contains("\n| `\(field.name)` |"))
            }
        }
    }
}
