/// Where EVE records keep what the field registry names (Suricata's and Cairn's `eve.json`).
enum EVEFields {
    /// Registry name to key paths, the first that is there counts.
    static let paths: [String: [[String]]] = {
        var paths: [String: [[String]]] = [
            "dns.query": [["dns", "rrname"], ["dns", "query", "rrname"]],
            "dns.rrtype": [["dns", "rrtype"], ["dns", "query", "rrtype"]],
            "file.magic": [["fileinfo", "magic"]],
            "file.md5": [["fileinfo", "md5"]],
            "file.name": [["fileinfo", "filename"]],
            "file.sha1": [["fileinfo", "sha1"]],
            "file.sha256": [["fileinfo", "sha256"]],
            "file.size": [["fileinfo", "size"]],
            "http.content_type": [["http", "http_content_type"]],
            "http.host": [["http", "hostname"]],
            "http.method": [["http", "http_method"]],
            "http.referer": [["http", "http_refer"]],
            "http.stat_code": [["http", "status"]],
            "http.uri": [["http", "url"]],
            "http.user_agent": [["http", "http_user_agent"]],
            "ja3.hash": [["tls", "ja3", "hash"]],
            "ja3.string": [["tls", "ja3", "string"]],
            "ja3s.hash": [["tls", "ja3s", "hash"]],
            "ja3s.string": [["tls", "ja3s", "string"]],
            "ja4.hash": [["tls", "ja4"]],
            "ssh.proto": [["ssh", "client", "proto_version"]],
            "ssh.software": [["ssh", "client", "software_version"]],
            "tls.cert_fingerprint": [["tls", "fingerprint"]],
            "tls.cert_issuer": [["tls", "issuerdn"]],
            "tls.cert_serial": [["tls", "serial"]],
            "tls.cert_subject": [["tls", "subject"]],
        ]
        for subject in FieldRegistry.subjects {
            for field in subject.fields {
                guard let key = field.eve else { continue }
                paths[field.name, default: []].append([subject.name, key])
            }
        }
        return paths
    }()
}
