/// Stores what Kerberos messages say in the fields of their transaction.
extension Transaction {
    /// Elements of a list of names, algorithms or pre-authentication data that are stored.
    private static let listCountMax = 64

    /// Stores a text.
    func set(_ field: KerberosField, _ value: StaticString, _ text: TextBuffer) {
        text.removeAll()
        text.append(value)
        set(field, text)
    }

    private func set(_ field: KerberosField, _ text: TextBuffer) {
        fields.append(text.bytes, to: field.rawValue)
        text.removeAll()
    }

    private func set(_ field: KerberosField, _ number: Int64) {
        fields.append(number, to: field.rawValue)
    }

    private func has(_ field: KerberosField) -> Bool { fields.count(of: field.rawValue) > 0 }

    /// Stores a message; that of the other direction may be there already.
    func store(_ message: KerberosMessage, _ bytes: RawSpan, _ text: TextBuffer) {
        fields.clear(KerberosField.messageType.rawValue)
        set(.messageType, KerberosNames.message(message.kind), text)
        set(.messageTypes, Int64(message.kind.rawValue))
        storeOwn(message, bytes)
        switch message.kind {
        case .asRequest, .asReply: storeRequestType("AS", text)
        case .tgsRequest, .tgsReply: storeRequestType("TGS", text)
        case .error: break
        }
        storeClient(message, bytes, text)
        storeService(message, bytes, text)
        switch message.kind {
        case .asRequest, .tgsRequest: storeRequest(message, bytes, text)
        case .asReply, .tgsReply: storeReply(message, text)
        case .error: storeError(message, bytes, text)
        }
    }

    /// Stores what rules on one direction look at: the type, and the names in answers.
    private func storeOwn(_ message: KerberosMessage, _ bytes: RawSpan) {
        guard !message.kind.isRequest else {
            return set(.requestMessageType, Int64(message.kind.rawValue))
        }
        set(.responseMessageType, Int64(message.kind.rawValue))
        if let name = message.clientName {
            forEachPart(of: name, bytes) { set(.responseClientParts, bytes.extracting($0)) }
        }
        if let name = message.serviceName {
            forEachPart(of: name, bytes) { set(.responseServiceParts, bytes.extracting($0)) }
        }
    }

    private func set(_ field: KerberosField, _ bytes: RawSpan) {
        fields.append(bytes, to: field.rawValue)
    }

    private func storeRequestType(_ type: StaticString, _ text: TextBuffer) {
        guard !has(.requestType) else { return }
        set(.requestType, type, text)
    }

    // MARK: Names

    /// Who asks: what the request says stays, what it does not say is taken from the answer.
    private func storeClient(_ message: KerberosMessage, _ bytes: RawSpan, _ text: TextBuffer) {
        guard !has(.client), message.clientName != nil || message.clientRealm != nil else {
            return
        }
        text.removeAll()
        if let name = message.clientName {
            append(name, bytes, to: text, parts: .clientParts)
            fields.append(text.bytes, to: KerberosField.clientName.rawValue)
        }
        text.append(UInt8(ascii: "/"))
        if let realm = message.clientRealm { text.append(bytes, realm) }
        set(.client, text)
    }

    /// What the ticket is for: the answer knows better, since a server may give another ticket than
    /// was asked for.
    private func storeService(_ message: KerberosMessage, _ bytes: RawSpan, _ text: TextBuffer) {
        if let realm = message.serviceRealm {
            fields.clear(KerberosField.realm.rawValue)
            fields.append(bytes.extracting(realm), to: KerberosField.realm.rawValue)
        }
        guard let name = message.serviceName else { return }
        fields.clear(KerberosField.serviceName.rawValue)
        fields.clear(KerberosField.serviceParts.rawValue)
        text.removeAll()
        append(name, bytes, to: text, parts: .serviceParts)
        set(.serviceName, text)
    }

    /// Appends the parts of a name with slashes between them, and stores each.
    private func append(
        _ name: Range<Int>, _ bytes: RawSpan, to text: TextBuffer, parts field: KerberosField
    ) {
        var isFirst = true
        forEachPart(of: name, bytes) { part in
            if !isFirst { text.append(UInt8(ascii: "/")) }
            isFirst = false
            text.append(bytes, part)
            set(field, bytes.extracting(part))
        }
    }

    private func forEachPart(of name: Range<Int>, _ bytes: RawSpan, _ body: (Range<Int>) -> Void) {
        var reader = DERReader(name)
        var count = 0
        while !reader.isAtEnd, count < Self.listCountMax {
            guard let part = try? reader.next(bytes) else { return }
            body(part.content)
            count &+= 1
        }
    }

    // MARK: Requests

    private func storeRequest(_ message: KerberosMessage, _ bytes: RawSpan, _ text: TextBuffer) {
        if let options = message.options {
            text.append("0x")
            text.appendHex(UInt16(truncatingIfNeeded: options >> 16))
            text.appendHex(UInt16(truncatingIfNeeded: options))
            set(.options, text)
            // Bits 1 and 8 (RFC 4120 §5.4.1); bit 0 is the highest.
            set(.isForwardable, options & 1 << 30 == 0 ? 0 : 1)
            set(.isRenewable, options & 1 << 23 == 0 ? 0 : 1)
        }
        if let from = message.from { set(.from, from) }
        if let till = message.till { set(.till, till) }
        if let list = message.encryptions { storeEncryptions(list, bytes, text) }
        if let list = message.preauthentication { storePreauthentication(list, bytes) }
    }

    private func storeEncryptions(_ list: Range<Int>, _ bytes: RawSpan, _ text: TextBuffer) {
        var reader = DERReader(list)
        var count = 0
        while !reader.isAtEnd, count < Self.listCountMax {
            guard let element = try? reader.next(bytes, tag: 0x02, or: .der),
                let type = try? DERReader.integer(element.content, bytes)
            else { return }
            storeEncryption(type, .offeredEncryptions, text)
            count &+= 1
        }
    }

    /// Stores the types of a list of PA-DATA (RFC 4120 §5.2.7).
    private func storePreauthentication(_ list: Range<Int>, _ bytes: RawSpan) {
        var reader = DERReader(list)
        var count = 0
        while !reader.isAtEnd, count < Self.listCountMax {
            guard let element = try? reader.next(bytes, tag: 0x30, or: .der),
                var parts = try? KerberosSequence(
                    element.offset..<element.content.upperBound, bytes),
                let type = try? parts.next(bytes), type.number == 1,
                let number = try? type.integer(bytes)
            else { return }
            set(.preauthentication, number)
            count &+= 1
        }
    }

    // MARK: Answers

    private func storeReply(_ message: KerberosMessage, _ text: TextBuffer) {
        set(.isSuccess, 1)
        if let encryption = message.encryption {
            storeEncryption(encryption, .encryption, text)
            set(.isWeakEncryption, KerberosNames.isWeak(encryption) ? 1 : 0)
        }
        if let encryption = message.ticketEncryption {
            storeEncryption(encryption, .ticketEncryption, text)
            set(.isWeakTicketEncryption, KerberosNames.isWeak(encryption) ? 1 : 0)
        }
    }

    private func storeError(_ message: KerberosMessage, _ bytes: RawSpan, _ text: TextBuffer) {
        set(.isSuccess, 0)
        if let code = message.errorCode {
            set(.errorCode, code)
            append(KerberosNames.error(code), orNumber: code, to: text)
            fields.append(text.bytes, to: KerberosField.errorMessage.rawValue)
            set(.errorName, text)
        }
        if let words = message.errorText {
            fields.append(bytes.extracting(words), to: KerberosField.errorMessage.rawValue)
        }
    }

    /// Stores an algorithm by its name.
    private func storeEncryption(_ type: Int64, _ field: KerberosField, _ text: TextBuffer) {
        append(KerberosNames.encryption(type), orNumber: type, to: text)
        set(field, text)
    }

    private func append(_ name: StaticString?, orNumber number: Int64, to text: TextBuffer) {
        text.removeAll()
        if let name { return text.append(name) }
        text.append("unknown-")
        text.appendDecimal(number)
    }
}
