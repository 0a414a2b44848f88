import Foundation
import Testing

@testable import Cairn

/// Suricata rules written as YAML, and read again.
@Suite struct SuricataImportTests {
    private static func load(_ rules: String) -> RuleSet {
        var loader = RuleLoader()
        loader.keepsSignatureTexts = true
        return loader.load(source: rules.utf8, path: "x.rules")
    }

    private static func yaml(_ rules: String, keepsText: Bool = false) -> String {
        SuricataImport(load(rules), keepsText: keepsText).outputs.map(\.text).joined()
    }

    /// What differs between a rule and what becomes of it.
    static func difference(_ a: DetectionRule, _ b: DetectionRule) -> String? {
        if a.subject != b.subject { return "subject" }
        if a.condition != b.condition { return "condition \(a.condition) \(b.condition)" }
        if a.traffic != b.traffic { return "traffic \(a.traffic) \(b.traffic)" }
        if a.state != b.state { return "state" }
        if a.counters != b.counters { return "counters" }
        if a.threshold != b.threshold || a.detectionFilter != b.detectionFilter { return "rate" }
        if a.actor != b.actor || a.victim != b.victim { return "roles" }
        if a.alerts != b.alerts || a.action != b.action { return "action" }
        let (one, two) = (a.header, b.header)
        if one.id != two.id || one.signatureID != two.signatureID { return "id" }
        if one.generatorID != two.generatorID || one.revision != two.revision { return "gid, rev" }
        if one.title != two.title { return "title" }
        if one.level != two.level || one.severity != two.severity { return "level" }
        if one.category != two.category { return "category" }
        if one.tags != two.tags || one.references != two.references { return "tags" }
        if one.metadata.map(\.key) != two.metadata.map(\.key)
            || one.metadata.map(\.value) != two.metadata.map(\.value)
        {
            return "metadata"
        }
        return nil
    }

    /// A rule, written as YAML and read again, is the same.
    private static func expectSame(
        _ rule: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) {
        let set = load(rule + "\n")
        #expect(
            set.detections.count == 1, "\(set.diagnostics)", sourceLocation: sourceLocation)
        #expect(differences(set) == [], sourceLocation: sourceLocation)
    }

    /// Loads rules, writes them, loads what was written, and says what differs.
    static func differences(_ set: RuleSet) -> [String] {
        let written = SuricataImport(set, keepsText: false)
        var loader = RuleLoader()
        loader.readsTests = false
        var again: [String: DetectionRule] = [:]
        var differences = written.diagnostics.filter { $0.severity == .error }.map(\.description)
        for output in written.outputs {
            let loaded = loader.load(source: output.text.utf8, path: "x.yml")
            differences += loaded.diagnostics.map { "\($0.rule ?? ""): \($0)" }
            for rule in loaded.detections { again[rule.header.id] = rule }
        }
        for rule in set.detections {
            guard let other = again[rule.header.id] else {
                differences.append("\(rule.header.id): is missing")
                continue
            }
            if let difference = difference(rule, other) {
                differences.append("\(rule.header.id): \(difference)")
            }
        }
        return differences
    }

    @Test(arguments: [
        "content:\"a\";", "content:\"a\"; content:\"b\"; nocase;",
        "content:\"it's *|0d 0a 22|?\\\\x\"; nocase;", "content:\"a\\\\\\\\*\"; endswith;",
        "content:\"a\"; content:!\"b\"; distance:-2; within:9; content:\"c\"; offset:3; depth:9;",
        "content:\"|ff|a|7c|\"; fast_pattern;",
        "content:\"a\"; startswith; content:\"b\"; endswith;",
        "http.uri; content:\"/a b\"; startswith; http.host; content:\"é\"; bsize:2;",
        "http.header; content:\"a\"; content:\"b\"; pcre:\"/a|'b\\/$/smi\";",
        "flow:to_client; http.header; content:\"true\"; http.stat_code; content:\"200\"; bsize:3;",
        "http.uri; to_md5; content:\"a\"; http.uri; xor:\"0d0ac8ff\"; url_decode; content:\"b\";",
        "flow:to_client; http.header; content:\"Server|3a|\"; http.stat_code; content:\"200\";",
        "http.header_names; content:!\"Referer\"; bsize:<20; bsize:>3; bsize:4<>10;",
        "http.uri; pcre:\"/^a/RAx\"; pcre:!\"/b/\"; urilen:5<>10; urilen:!7; urilen:<9,raw;",
        "content:\"a\"; isdataat:!4,relative; isdataat:3; byte_test:4,!&,0x10,-2,relative,little;"
            + " byte_jump:2,0,relative,multiplier 2,align,post_offset -1;"
            + " byte_extract:1,0,len,string,hex,align 4; content:\"b\"; offset:len; depth:len;"
            + " byte_math:bytes 2, offset 1, oper *, rvalue len, result r, endian little;"
            + " byte_test:2,=,r,0,dce;",
        "dsize:!10; ttl:<5; itype:8; ip_proto:!6; sameip; ipopts:rr; app-layer-protocol:!http;",
        "flowbits:isset,a|b; flowbits:set,c; xbits:set,x,track ip_pair,expire 9; flowint:n,+,1;"
            + " flowint:n,>,m; flowint:z,isnotset; hostbits:isset,h,dst; noalert;",
        "threshold:type limit, track by_src, count 1, seconds 60; target:src_ip; priority:4;",
        "hostbits:set,h; xbits:isset,h,track ip_src; xbits:toggle,p,track ip_pair,expire 9; priority:0;",
        "tos:!x1f; fragbits:+D; flags:!S; flags:*UA;", "http.uri; bsize:1-50; bsize:=7;",
        "detection_filter:track by_dst, count 5, seconds 2; metadata:a b, a c, d e;",
        "file.data; content:\"a\"; filename:\"x\"; filesize:>1KB; fileext:\"exe\";",
        "threshold:type backoff, track by_flow, count 2, multiplier 10; content:\"a\";",
        "geoip:both,DE,NO; geoip:!US; iprep:dst,Bad Hosts,>=,30; iprep:any,B,isnotset; content:\"a\";",
        "http.header; content:\"a\"; iprep:src,A,isset; ip.dst; dataset:isset,s,type ip,load l,memcap 9kb;",
        "http.uri; dataset:set,s,type string,state f,hashsize 9; ip.src; dataset:unset,t,save g;",
        "http.uri; dataset:isset,s,type string,load f,format ndjson,context_key c,value_key a.b,"
            + "array_key d,remove_key;",
        "filestore; filemd5:list; filesha256:!list; filesize:5;",
        "file.data; content:\"a\"; file.data; content:\"b\"; http.uri; content:\"c\"; filestore;",
        "http.header; content:\"a\"; filestore:both,flow; content:\"b\";",
        "tls.cert_subject; content:\"a\"; tls_cert_notafter:<2020-01-01;",
        "flags:S,12; fragbits:!D; flags:+SA; content:\"a\";", "stream_size:server,<,5;",
        "stream_size:either,>=,5; flow.age:>3; flow.pkts:toserver,<5; content:\"a\";",
        "content:\"a\"; base64_decode:bytes 9, offset 1, relative; base64_data;"
            + " content:\"b\"; distance:3; content:\"|00|\";",
        "http.uri; from_base64:mode strict, offset 2; gunzip:max-size 99; content:\"a\";",
        "http.uri; content:\"a\"; to_md5; bsize:16; http.uri; subslice:-6,30,truncate; content:\"b\";",
        "tls.sni; domain; content:\"a\"; tls.sni; tld; content:\"b\";",
        "dns.rrtype:1,0; dns.opcode:!query;", "http2.window:>9,nb>1,1:-1; http2.window:count 2;",
        "rpc:100009,*,5; app-layer-protocol:!http1,original;",
        "pcre:\"/(a)/, flow:x\"; content:\"b\"; ssl_version:!tls1.3,tls1.2;",
        "vlan.id:200,0; vlan.id:!5,all; vlan.id:1-9,nb>2,0:-1; vlan.id:count >1; vlan.layers:2;",
        "tcp.window:!5-9; tcp.seq:&0xf0=0x80; tcp.ack:&0xf0!=0; dsize:>1kb;",
        "dns.rrtype:!a,-1; dns.rcode:nxdomain; flow:to_client;",
        "content:\"a\"; http_uri; byte_extract:1,0,len,relative; content:\"b\"; byte_test:1,=,len,0;",
        "ipv4.hdr; byte_extract:1,5,len; tcp.hdr; byte_math:bytes len, offset 1, oper +, rvalue 3,"
            + " result sum; content:\"a\"; distance:sum;",
        "http.uri; pcrexform:\"[a-z]+|(b'|c)\"; strip_pseudo_headers; content:\"a\";",
        "content:\"a\"; asn1:double_overflow, oversize_length 9, relative_offset 4;",
        "http.uri; entropy: bytes 9, value >= 4.5; content:\"a\";", "ssl_version:sslv3,tls1.0;",
        "http.uri; entropy: value 1.5-2.5, offset 4; entropy: value !3 - 4; entropy: <7.01;",
        "http.referer; absent: or_else; content:!\"a\"; http.cookie; absent;",
        "tls_cert_expired; tls.cert_subject; content:\"a\";", "tls_cert_valid; noalert;",
        "ssh.protoversion:2_compat; ssh.softwareversion:\"a b\"; bypass;", "dsize:0; dsize:<9;",
        "content:!\"a\"; threshold:type limit, track by_src, count 0, seconds 60;",
        "dcerpc.opnum:1,4-6;", "msg:\"'q' \\\"d\\\" : # é\"; reference:url,a.b/c#d; content:\"a\";",
        "",
    ])
    func `a rule that is written and read again is the same`(options: String) {
        Self.expectSame(
            """
            alert ip $EXTERNAL_NET any -> [$HOME_NET,!10.1.2.3] [80,8000:8010,!8005] \
            (\(options) sid:7; rev:2;)
            """)
    }

    @Test(arguments: [
        "alert tcp any any -> any any", "drop udp $HOME_NET 53 <> any any",
        "pass icmp any any -> any any", "alert smb any any -> any any",
        "reject tcp-pkt any !$HTTP_PORTS -> any any", "alert tcp-stream any any -> any any",
        "alert http1 any any -> any any", "alert ip6 any any -> any any",
        "alert arp any any -> any any", "alert ether any any -> any any",
        "alert tcp [10.0.0.1,[10.1.0.0/16,!10.1.1.1]] any -> !$HOME_NET any",
    ])
    func `a header that is written and read again is the same`(header: String) {
        Self.expectSame("\(header) (content:\"a\"; depth:3; gid:4; sid:7;)")
    }

    @Test(arguments: [
        "alert http1:request_headers any any -> any any",
        "pass dns:response_complete any any <> any 53",
        "alert tls:client_hello_done $HOME_NET any -> any any",
        "alert ssh:request_banner_done any any -> any any",
        "alert http1:request_body any any -> any any",
        "alert http1:response_trailer any any -> any any",
        "alert tcp:flow_start any any -> any any",
    ])
    func `a hook that is written and read again is the same`(header: String) {
        Self.expectSame("\(header) (flowbits:isset,a; gid:4; sid:7;)")
    }

    @Test(arguments: [
        ("1024:", "'1024-65535'"), (":1024", "'0-1024'"), ("!1024:", "'!1024-65535'"),
        ("[80,8000:8999,!8443]", "['80', '8000-8999', '!8443']"), ("$HTTP_PORTS", "$HTTP_PORTS"),
        ("[1:2,[3:4,!$SSH_PORTS]]", "'[1-2,[3-4,!$SSH_PORTS]]'"),
    ])
    func `ranges of ports read as YAML has them`(ports: String, yaml: String) {
        let rule = "alert tcp any any -> any \(ports) (content:\"a\"; sid:7;)\n"
        #expect(Self.yaml(rule).contains("  to: {port: \(yaml)}\n"), "\(Self.yaml(rule))")
        #expect(Self.differences(Self.load(rule)) == [])
    }

    @Test func `simple rules read as a person would write them`() {
        let text = Self.yaml(
            """
            alert http $HOME_NET any -> $EXTERNAL_NET any (msg:"ET MALWARE Checkin"; \
            flow:established,to_server; http.method; content:"POST"; http.uri; content:"/gate"; \
            nocase; content:".php"; nocase; endswith; http.host; content:"evil.example"; bsize:12; \
            classtype:trojan-activity; sid:2000001; rev:3; metadata:signature_severity Major;)

            """)
        #expect(
            text == """
                title: 'ET MALWARE Checkin'
                id: '2000001'
                level: high
                tags: [classtype.trojan-activity]
                rev: 3
                category: 'A Network Trojan was detected'
                severity: 1
                metadata:
                  signature_severity: Major
                logsource: {product: cairn, service: http}
                traffic:
                  from: {ip: $HOME_NET}
                  to: {ip: $EXTERNAL_NET}
                  flow: [established, to_server]
                detection:
                  selection:
                    http.method|contains|cased: POST
                    http.uri|contains: '/gate'
                    http.uri|endswith: '.php'
                    http.host|cased: evil.example
                  condition: selection

                """)
    }

    @Test func `the original text is kept if it is wanted`() {
        let rule = "alert tcp any any -> any any (content:\"a\"; sid:1;)"
        #expect(Self.yaml(rule + "\n", keepsText: true).contains("original: '\(rule)'\n"))
    }

    private static let sharedRules =
        (ProcessInfo.processInfo.environment["CAIRN_SHARED"]
        .map { URL(filePath: $0) } ?? repository.appending(path: "../shared")).appending(
            path: "conformance/et-open")

    @Test(.enabled(if: FileManager.default.fileExists(atPath: sharedRules.path)))
    func `every rule of a large set is the same when it is written and read again`() {
        var loader = RuleLoader()
        loader.keepsSignatureTexts = true
        let set = loader.load(paths: [Self.sharedRules.path])
        #expect(set.detections.count >= 14_880)
        let differences = Self.differences(set)
        #expect(differences.count == 0, "\(differences.prefix(20))")
    }
}
