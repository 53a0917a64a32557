"""Who may command what, and see what a command answers."""

from collections.abc import Mapping

from api.role_sets import MEMBERS, OPERATORS, PEOPLE, Roles, fields

COMMANDS: Mapping[str, Roles] = {
    **fields(
        "Mutation",
        OPERATORS,
        "approveDevice revokeDevice bindDeviceKey confirmSerial approveForIssuance rotateDeviceKey declareSource "
        "importFiles disposeBreak assignBreak noteBreak closeBreak resolveQuarantine createApiKey revokeApiKey "
        "answerObjection recordCorrection",
    ),
    **fields("Mutation", PEOPLE, "objectToProposal"),
    **fields("Mutation", MEMBERS, "walletLinkChallenge linkWallet unlinkWallet"),
    **fields("Problem", PEOPLE, "code sentence"),
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
}
