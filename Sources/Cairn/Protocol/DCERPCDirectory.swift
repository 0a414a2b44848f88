// Interfaces of users, domains and policies, with the operations of their specifications.

extension DCERPCInterface {
    static let directoryServices: [DCERPCInterface] = [
        samr, lsarpc, netlogon, drsuapi,
        // [MS-DRSR]
        DCERPCInterface(
            "7c44d7d4-31d5-424c-bd5e-2b3e1f323d22", "dsaop", "DSAPrepareScript DSAExecuteScript"),
        // [MS-DSSP]
        DCERPCInterface(
            "3919286a-b10c-11d0-9ba8-00c04fd92ef5", "dssetup",
            "DsRolerGetPrimaryDomainInformation"),
        // [MS-BKRP]
        DCERPCInterface("3dde7c30-165d-11d1-ab8f-00805f14db40", "BackupKey", "BackuprKey"),
        efs("df1941c5-fe89-4e79-bf10-463657acf44d", "efsrpc"),
        efs("c681d488-d850-11d0-8c52-00c04fd90f7e", "lsarpc-efs"),
        nspi,
        // [MS-OXABREF]
        DCERPCInterface(
            "1544f5e0-613c-11d1-93df-00c04fd7bd09", "exchange_rfr",
            "RfrGetNewDSA RfrGetFQDNFromLegacyDN"),
        // [MS-OXCRPC]
        DCERPCInterface(
            "a4f1db00-ca47-1067-b31f-00dd010662da", "exchange_mapi",
            """
            - EcDoDisconnect @4 EcRRegisterPushNotification @6 EcDummyRpc
            @10 EcDoConnectEx EcDoRpcExt2 @14 EcDoAsyncConnectEx
            """),
        DCERPCInterface(
            "5261574a-4572-206e-b268-6b199213b4e4", "AsyncEMSMDB", "EcDoAsyncWaitEx"),
        frs, frsTransport,
        // [MS-FRS1] and [MS-DFSNM] go together in time.
        netdfs,
        // [MS-DNSP]
        DCERPCInterface(
            "50abc2a4-574d-40b3-9d66-ee4fd5fba076", "dnsserver",
            """
            DnssrvOperation DnssrvQuery DnssrvComplexOperation DnssrvEnumRecords
            DnssrvUpdateRecord DnssrvOperation2 DnssrvQuery2 DnssrvComplexOperation2
            DnssrvEnumRecords2 DnssrvUpdateRecord2
            """),
        // [MS-ICPR]
        DCERPCInterface(
            "91ae6020-9e3c-11cf-8d7c-00aa00c091be", "ICertPassage", "CertServerRequest"),
    ]

    /// Security Account Manager ([MS-SAMR]).
    private static let samr = DCERPCInterface(
        "12345778-1234-abcd-ef00-0123456789ac", "samr",
        """
        SamrConnect SamrCloseHandle SamrSetSecurityObject SamrQuerySecurityObject
        SamrShutdownSamServer SamrLookupDomainInSamServer SamrEnumerateDomainsInSamServer
        SamrOpenDomain SamrQueryInformationDomain SamrSetInformationDomain
        SamrCreateGroupInDomain SamrEnumerateGroupsInDomain SamrCreateUserInDomain
        SamrEnumerateUsersInDomain SamrCreateAliasInDomain SamrEnumerateAliasesInDomain
        SamrGetAliasMembership SamrLookupNamesInDomain SamrLookupIdsInDomain SamrOpenGroup
        SamrQueryInformationGroup SamrSetInformationGroup SamrAddMemberToGroup SamrDeleteGroup
        SamrRemoveMemberFromGroup SamrGetMembersInGroup SamrSetMemberAttributesOfGroup
        SamrOpenAlias SamrQueryInformationAlias SamrSetInformationAlias SamrDeleteAlias
        SamrAddMemberToAlias SamrRemoveMemberFromAlias SamrGetMembersInAlias SamrOpenUser
        SamrDeleteUser SamrQueryInformationUser SamrSetInformationUser SamrChangePasswordUser
        SamrGetGroupsForUser SamrQueryDisplayInformation SamrGetDisplayEnumerationIndex
        SamrTestPrivateFunctionsDomain SamrTestPrivateFunctionsUser
        SamrGetUserDomainPasswordInformation SamrRemoveMemberFromForeignDomain
        SamrQueryInformationDomain2 SamrQueryInformationUser2 SamrQueryDisplayInformation2
        SamrGetDisplayEnumerationIndex2 SamrCreateUser2InDomain SamrQueryDisplayInformation3
        SamrAddMultipleMembersToAlias SamrRemoveMultipleMembersFromAlias
        SamrOemChangePasswordUser2 SamrUnicodeChangePasswordUser2
        SamrGetDomainPasswordInformation SamrConnect2 SamrSetInformationUser2
        SamrSetBootKeyInformation SamrGetBootKeyInformation SamrConnect3 SamrConnect4
        SamrUnicodeChangePasswordUser3 SamrConnect5 SamrRidToSid SamrSetDSRMPassword
        SamrValidatePassword @73 SamrUnicodeChangePasswordUser4
        SamrValidateComputerAccountReuseAttempt
        """)

    /// Local Security Authority ([MS-LSAD], [MS-LSAT]).
    private static let lsarpc = DCERPCInterface(
        "12345778-1234-abcd-ef00-0123456789ab", "lsarpc",
        """
        LsarClose LsarDelete LsarEnumeratePrivileges LsarQuerySecurityObject
        LsarSetSecurityObject LsarChangePassword LsarOpenPolicy LsarQueryInformationPolicy
        LsarSetInformationPolicy LsarClearAuditLog LsarCreateAccount LsarEnumerateAccounts
        LsarCreateTrustedDomain LsarEnumerateTrustedDomains LsarLookupNames LsarLookupSids
        LsarCreateSecret LsarOpenAccount LsarEnumeratePrivilegesAccount
        LsarAddPrivilegesToAccount LsarRemovePrivilegesFromAccount LsarGetQuotasForAccount
        LsarSetQuotasForAccount LsarGetSystemAccessAccount LsarSetSystemAccessAccount
        LsarOpenTrustedDomain LsarQueryInfoTrustedDomain LsarSetInformationTrustedDomain
        LsarOpenSecret LsarSetSecret LsarQuerySecret LsarLookupPrivilegeValue
        LsarLookupPrivilegeName LsarLookupPrivilegeDisplayName LsarDeleteObject
        LsarEnumerateAccountsWithUserRight LsarEnumerateAccountRights LsarAddAccountRights
        LsarRemoveAccountRights LsarQueryTrustedDomainInfo LsarSetTrustedDomainInfo
        LsarDeleteTrustedDomain LsarStorePrivateData LsarRetrievePrivateData LsarOpenPolicy2
        LsarGetUserName LsarQueryInformationPolicy2 LsarSetInformationPolicy2
        LsarQueryTrustedDomainInfoByName LsarSetTrustedDomainInfoByName
        LsarEnumerateTrustedDomainsEx LsarCreateTrustedDomainEx LsarCloseTrustedDomainEx
        LsarQueryDomainInformationPolicy LsarSetDomainInformationPolicy
        LsarOpenTrustedDomainByName LsarTestCall LsarLookupSids2 LsarLookupNames2
        LsarCreateTrustedDomainEx2 CredrWrite CredrRead CredrEnumerate
        CredrWriteDomainCredentials CredrReadDomainCredentials CredrDelete CredrGetTargetInfo
        CredrProfileLoaded LsarLookupNames3 CredrGetSessionTypes LsarRegisterAuditEvent
        LsarGenAuditEvent LsarUnregisterAuditEvent LsarQueryForestTrustInformation
        LsarSetForestTrustInformation CredrRename LsarLookupSids3 LsarLookupNames4
        LsarOpenPolicySce @129 LsarCreateTrustedDomainEx3 LsarOpenPolicy3
        @132 LsarQueryForestTrustInformation2 LsarSetForestTrustInformation2
        """)

    /// Netlogon ([MS-NRPC]).
    private static let netlogon = DCERPCInterface(
        "12345678-1234-abcd-ef00-01234567cffb", "netlogon",
        """
        NetrLogonUasLogon NetrLogonUasLogoff NetrLogonSamLogon NetrLogonSamLogoff
        NetrServerReqChallenge NetrServerAuthenticate NetrServerPasswordSet NetrDatabaseDeltas
        NetrDatabaseSync NetrAccountDeltas NetrAccountSync NetrGetDCName NetrLogonControl
        NetrGetAnyDCName NetrLogonControl2 NetrServerAuthenticate2 NetrDatabaseSync2
        NetrDatabaseRedo NetrLogonControl2Ex NetrEnumerateTrustedDomains DsrGetDcName
        NetrLogonGetCapabilities NetrLogonSetServiceBits NetrLogonGetTrustRid
        NetrLogonComputeServerDigest NetrLogonComputeClientDigest NetrServerAuthenticate3
        DsrGetDcNameEx DsrGetSiteName NetrLogonGetDomainInfo NetrServerPasswordSet2
        NetrServerPasswordGet NetrLogonSendToSam DsrAddressToSiteNamesW DsrGetDcNameEx2
        NetrLogonGetTimeServiceParentDomain NetrEnumerateTrustedDomainsEx
        DsrAddressToSiteNamesExW DsrGetDcSiteCoverageW NetrLogonSamLogonEx
        DsrEnumerateDomainTrusts DsrDeregisterDnsHostRecords NetrServerTrustPasswordsGet
        DsrGetForestTrustInformation NetrGetForestTrustInformation NetrLogonSamLogonWithFlags
        NetrServerGetTrustInfo - DsrUpdateReadOnlyServerDnsRecords
        NetrChainSetClientAttributes @59 NetrServerAuthenticateKerberos
        """)

    /// Directory Replication Service ([MS-DRSR]).
    private static let drsuapi = DCERPCInterface(
        "e3514235-4b06-11d1-ab04-00c04fc2dcd2", "drsuapi",
        """
        DRSBind DRSUnbind DRSReplicaSync DRSGetNCChanges DRSUpdateRefs DRSReplicaAdd
        DRSReplicaDel DRSReplicaModify DRSVerifyNames DRSGetMemberships DRSInterDomainMove
        DRSGetNT4ChangeLog DRSCrackNames DRSWriteSPN DRSRemoveDsServer DRSRemoveDsDomain
        DRSDomainControllerInfo DRSAddEntry DRSExecuteKCC DRSGetReplInfo DRSAddSidHistory
        DRSGetMemberships2 DRSReplicaVerifyObjects DRSGetObjectExistence DRSQuerySitesByCost
        DRSInitDemotion DRSReplicaDemotion DRSFinishDemotion DRSAddCloneDC DRSWriteNgcKey
        DRSReadNgcKey
        """)

    /// Encrypting File System, at its own endpoint and at that of the security authority
    /// ([MS-EFSR]).
    private static func efs(_ uuid: String, _ endpoint: String) -> DCERPCInterface {
        DCERPCInterface(
            uuid, endpoint,
            """
            EfsRpcOpenFileRaw EfsRpcReadFileRaw EfsRpcWriteFileRaw EfsRpcCloseRaw
            EfsRpcEncryptFileSrv EfsRpcDecryptFileSrv EfsRpcQueryUsersOnFile
            EfsRpcQueryRecoveryAgents EfsRpcRemoveUsersFromFile EfsRpcAddUsersToFile -
            EfsRpcNotSupported EfsRpcFileKeyInfo EfsRpcDuplicateEncryptionInfoFile -
            EfsRpcAddUsersToFileEx EfsRpcFileKeyInfoEx - EfsRpcGetEncryptedFileMetadata
            EfsRpcSetEncryptedFileMetadata EfsRpcFlushEfsCache EfsRpcEncryptFileExSrv
            EfsRpcQueryProtectors
            """)
    }

    /// Name Service Provider ([MS-NSPI]).
    private static let nspi = DCERPCInterface(
        "f5cc5a18-4264-101a-8c59-08002b2f8426", "nspi",
        """
        NspiBind NspiUnbind NspiUpdateStat NspiQueryRows NspiSeekEntries NspiGetMatches
        NspiResortRestriction NspiDNToMId NspiGetPropList NspiGetProps NspiCompareMIds
        NspiModProps NspiGetSpecialTable NspiGetTemplateInfo NspiModLinkAtt -
        NspiQueryColumns - - NspiResolveNames NspiResolveNamesW
        """)

    /// File Replication Service ([MS-FRS1]).
    private static let frs = DCERPCInterface(
        "f5cc59b4-4264-101a-8c59-08002b2f8426", "FrsRpc",
        """
        FrsRpcSendCommPkt FrsRpcVerifyPromotionParent FrsRpcStartPromotionParent FrsNOP
        @10 FrsRpcVerifyPromotionParentEx
        """)

    /// Distributed File System: Replication ([MS-FRS2]).
    private static let frsTransport = DCERPCInterface(
        "897e2e5f-93f3-4376-9c9c-fd2277495c27", "FrsTransport",
        """
        CheckConnectivity EstablishConnection EstablishSession RequestUpdates
        RequestVersionVector AsyncPoll RequestRecords UpdateCancel RawGetFileData
        RdcGetSignatures RdcPushSourceNeeds RdcGetFileData RdcClose
        InitializeFileTransferAsync - RawGetFileDataAsync RdcGetFileDataAsync
        RdcFileDataTransferKeepAlive
        """)

    /// Distributed File System: Namespace Management ([MS-DFSNM]).
    private static let netdfs = DCERPCInterface(
        "4fc742e0-4a10-11cf-8273-00aa004ae673", "netdfs",
        """
        NetrDfsManagerGetVersion NetrDfsAdd NetrDfsRemove NetrDfsSetInfo NetrDfsGetInfo
        NetrDfsEnum NetrDfsMove - - - NetrDfsAddFtRoot NetrDfsRemoveFtRoot NetrDfsAddStdRoot
        NetrDfsRemoveStdRoot NetrDfsManagerInitialize NetrDfsAddStdRootForced
        NetrDfsGetDcAddress NetrDfsSetDcAddress NetrDfsFlushFtTable NetrDfsAdd2
        NetrDfsRemove2 NetrDfsEnumEx NetrDfsSetInfo2 NetrDfsAddRootTarget
        NetrDfsRemoveRootTarget NetrDfsGetSupportedNamespaceVersion
        """)
}
