"""Who may command what, and see what a command answers."""

from collections.abc import Mapping

from api.role_sets import AUDITORS, EVERYBODY, MEMBERS, OPERATORS, PEOPLE, STAFF, Roles, fields

COMMANDS: Mapping[str, Roles] = {
    **fields(
        "Mutation",
        OPERATORS,
        "approveDevice revokeDevice bindDeviceKey confirmSerial approveForIssuance rotateDeviceKey declareSource "
        "importFiles disposeBreak assignBreak noteBreak closeBreak resolveQuarantine createApiKey revokeApiKey "
        "answerObjection recordCorrection proposeShareTable approveShareTable rejectShareTable grantDisclosure endDisclosure",
    ),
    **fields("Mutation", AUDITORS, "requestDisclosure drawAuditSample recordAuditFinding"),
    **fields("AuditSampleDrawn", AUDITORS, "sample"),
    **fields("Mutation", EVERYBODY, "signInMessage signInWithWallet"),
    **fields("Mutation", PEOPLE, "objectToProposal"),
    **fields("Mutation", MEMBERS, "walletLinkChallenge linkWallet unlinkWallet markNotificationsRead"),
    **fields("Problem", EVERYBODY, "code sentence"),
    **fields("DeviceDecided", OPERATORS, "device"),
    **fields("SourceDecided", OPERATORS, "source"),
    **fields("BreakDisposed", OPERATORS, "break"),
    **fields("QuarantineResolved", OPERATORS, "entry"),
    **fields("ApiKeyCreated", OPERATORS, "apiKey secret"),
    **fields("ApiKeyRevoked", OPERATORS, "apiKey"),
    **fields("ImportDone", OPERATORS, "committed counts problems"),
    **fields("ImportCount", OPERATORS, "file rows entered unchanged"),
    **fields("ImportProblem", OPERATORS, "file row column value what remedy"),
    **fields("ProposalDecided", PEOPLE, "proposal"),
    **fields("CorrectionRecorded", OPERATORS, "correction calldata"),
    **fields("WalletChallengeMade", MEMBERS, "nonce typedData expiresAt"),
    **fields("WalletDecided", MEMBERS, "member"),
    **fields("NotificationsRead", MEMBERS, "member"),
    **fields("SignInAsked", EVERYBODY, "nonce message expiresAt"),
    **fields("SignedIn", EVERYBODY, "token expiresAt"),
    **fields("ShareRevisionDecided", OPERATORS, "revision"),
    **fields("DisclosureDecided", STAFF, "disclosure"),
}
