/// Named oddities of HTTP, in the order of the definition's table. Names are those of Suricata's
/// event rules; the last ones are Cairn's own.
enum HTTPAnomaly: Int, CaseIterable {
    case unknownError, gzipDecompressionFailed
    case requestFieldMissingColon, responseFieldMissingColon
    case invalidRequestChunkLen, invalidResponseChunkLen
    case invalidTransferEncodingValueInRequest, invalidTransferEncodingValueInResponse
    case invalidContentLengthFieldInRequest, invalidContentLengthFieldInResponse
    case duplicateContentLengthFieldInRequest, duplicateContentLengthFieldInResponse
    case continueAlreadySeen, unableToMatchResponseToRequest, invalidServerPortInRequest
    case invalidAuthorityPort, requestHeaderInvalid, responseHeaderInvalid, missingHostHeader
    case hostHeaderAmbiguous, invalidRequestFieldFolding, invalidResponseFieldFolding
    case requestFieldTooLong, responseFieldTooLong, requestServerPortTcpPortMismatch
    case requestUriHostInvalid, requestHeaderHostInvalid
    case methodDelimNonCompliant, uriDelimNonCompliant, requestLineLeadingWhitespace
    case tooManyEncodingLayers, abnormalCeHeader, requestAuthUnrecognized
    case requestHeaderRepetition, responseHeaderRepetition, responseMultipartByteranges
    case responseAbnormalTransferEncoding, responseChunkedOldProto
    case responseInvalidProtocol, responseInvalidStatus
    case requestLineIncomplete, doubleEncodedUri, requestLineInvalid, requestBodyUnexpected
    case lzmaMemlimitReached, compressionBomb, requestChunkExtension, responseChunkExtension
    case requestLineMissingProtocol, requestTooManyHeaders, responseTooManyHeaders
    case multipartGenericError, multipartNoFiledata, multipartInvalidHeader, fileNameTooLong
    case failedProtocolChange, rangeInvalid
    /// More requests wait for their responses than are kept.
    case tooManyOpenTransactions
    /// Bytes are missing where a message begins or in its head.
    case gapInHead

    /// The name in rules and events: `request_field_missing_colon`.
    var name: String {
        guard self != .continueAlreadySeen else { return "100_continue_already_seen" }
        return "\(self)".reduce(into: "") { name, character in
            if character.isUppercase { name += "_" }
            name += character.lowercased()
        }
    }

    /// The variant for requests or for responses.
    static func fieldMissingColon(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer ? .requestFieldMissingColon : .responseFieldMissingColon
    }

    static func headerInvalid(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer ? .requestHeaderInvalid : .responseHeaderInvalid
    }

    static func fieldFolding(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer ? .invalidRequestFieldFolding : .invalidResponseFieldFolding
    }

    static func fieldTooLong(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer ? .requestFieldTooLong : .responseFieldTooLong
    }

    static func headerRepetition(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer ? .requestHeaderRepetition : .responseHeaderRepetition
    }

    static func tooManyHeaders(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer ? .requestTooManyHeaders : .responseTooManyHeaders
    }

    static func chunkLen(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer ? .invalidRequestChunkLen : .invalidResponseChunkLen
    }

    static func chunkExtension(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer ? .requestChunkExtension : .responseChunkExtension
    }

    static func transferEncoding(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer
            ? .invalidTransferEncodingValueInRequest : .invalidTransferEncodingValueInResponse
    }

    static func contentLength(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer
            ? .invalidContentLengthFieldInRequest : .invalidContentLengthFieldInResponse
    }

    static func duplicateContentLength(_ direction: Direction) -> HTTPAnomaly {
        direction == .toServer
            ? .duplicateContentLengthFieldInRequest : .duplicateContentLengthFieldInResponse
    }
}
