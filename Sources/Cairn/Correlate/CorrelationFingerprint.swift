/// What a saved state depends on, as hashes: with other rules or settings it would mean something
/// else.
extension CorrelationProgram {
    /// The SHA-256 of everything that the rules say about correlation. Detection rules count only
    /// as far as correlations name them.
    var fingerprint: [UInt8] {
        var writer = CheckpointWriter { _ in }
        writer.texts(fieldNames.map { Array($0.utf8) })
        writer.count(plans.count)
        for plan in plans {
            plan.describe(to: &writer)
            writer.texts(plan.sources.map { Array(identities[Int($0)].text.utf8) })
        }
        let evidence = identities.filter(\.isEvidenceOnly).map { Array($0.text.utf8) }
        writer.texts(evidence.sorted { $0.lexicographicallyPrecedes($1) })
        return writer.finish()
    }
}

extension CorrelationSettings {
    /// The SHA-256 of what decides which firings and incidents there are. How their records look
    /// may change between two runs.
    var fingerprint: [UInt8] {
        var writer = CheckpointWriter { _ in }
        for span in [
            latenessNanoseconds, incidentGapNanoseconds, incidentDurationMaxNanoseconds,
        ] {
            writer.signed(span)
        }
        for count in [
            openIncidentCountMax, signalsListedMax, memoryByteCountMax, waitingByteCountMax,
            incidentByteCountMax,
        ] {
            writer.count(count)
        }
        writer.byte(signalLevelMin.rawValue)
        writer.byte(pivotLevelMin.rawValue)
        writer.texts(sharedHosts.map { Array("\($0)".utf8) })
        return writer.finish()
    }
}

extension CorrelationPlan {
    fileprivate func describe(to writer: inout CheckpointWriter) {
        writer.text(id)
        writer.text(title)
        writer.optional(level) { $0.byte($1.rawValue) }
        writer.texts(tags)
        writer.count(depth)
        writer.flag(isStandalone)
        writer.text(Array("\(type) \(mode)".utf8))
        writer.signed(spanNanoseconds)
        writer.signed(suppressNanoseconds)
        for count in [groupCountMax, itemCountMax, evidenceCountMax, referenceCount] {
            writer.count(count)
        }
        for isNegated in isNegated { writer.flag(isNegated) }
        writer.texts(groupNames.map { Array($0.utf8) })
        for field in groupFields.flatMap(\.self) + groupNameOfField + countedFields {
            writer.signed(Int64(field))
        }
        switch condition {
        case .limits(let limits, let percentile):
            writer.count(limits.limits.count)
            for (comparison, limit) in limits.limits {
                writer.text(Array("\(comparison)".utf8))
                writer.signed(limit)
            }
            writer.count(percentile)
        case .expression(let expression):
            writer.byte(.max)
            expression.root.describe(to: &writer)
        }
    }
}

extension ConditionExpression.Node {
    fileprivate func describe(to writer: inout CheckpointWriter) {
        switch self {
        case .rule(let position):
            writer.byte(0)
            writer.count(position)
        case .and(let parts), .or(let parts):
            if case .and = self { writer.byte(1) } else { writer.byte(2) }
            writer.count(parts.count)
            for part in parts { part.describe(to: &writer) }
        case .not(let part):
            writer.byte(3)
            part.describe(to: &writer)
        }
    }
}
