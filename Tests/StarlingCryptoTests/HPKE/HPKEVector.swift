import Testing

/// One setup of RFC 9180, appendix A.2: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
///
/// Everything is hexadecimal, under the RFC's values in our names.
struct HPKEVector: Sendable, CustomTestStringConvertible {
    /// The same in all setups: "Ode on a Grecian Urn".
    static let info = Array("Ode on a Grecian Urn".utf8)
    /// The same in all messages.
    static let plaintext = Array("Beauty is truth, truth beauty".utf8)

    var name: String
    var ephemeralSeed: String
    var ephemeralSecret: String
    var recipientSeed: String
    var recipientSecret: String
    var recipientPublic: String
    var senderSeed: String?
    var senderSecret: String?
    var senderPublic: String?
    var encapsulatedKey: String
    var sharedSecret: String
    var key: String
    var firstNonce: String
    var exporterSecret: String
    /// Ciphertexts by sequence number; the authenticated data is "Count-" and the number.
    var messages: [Int: String]
    /// Exported secrets of 32 bytes by the context of the export.
    var exports: [String: String]

    var testDescription: String { name }

    /// Appendix A.2.1 and A.2.3.
    static let all: [HPKEVector] = [
        HPKEVector(
            name: "base",
            ephemeralSeed: "909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b",
            ephemeralSecret: "f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600",
            recipientSeed: "1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df",
            recipientSecret: "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
            recipientPublic: "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
            encapsulatedKey: "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
            sharedSecret: "0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7",
            key: "ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91",
            firstNonce: "5c4d98150661b848853b547f",
            exporterSecret: "a3b010d4994890e2c6968a36f64470d3c824c8f5029942feb11e7a74b2921922",
            messages: [
                0: """
                1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db\
                21993c62ce81883d2dd1b51a28
                """,
                1: """
                6b53c051e4199c518de79594e1c4ab18b96f081549d45ce015be002090bb119e\
                85285337cc95ba5f59992dc98c
                """,
                2: """
                71146bd6795ccc9c49ce25dda112a48f202ad220559502cef1f34271e0cb4b02\
                b4f10ecac6f48c32f878fae86b
                """,
                4: """
                63357a2aa291f5a4e5f27db6baa2af8cf77427c7c1a909e0b37214dd47db122b\
                b153495ff0b02e9e54a50dbe16
                """,
                255: """
                18ab939d63ddec9f6ac2b60d61d36a7375d2070c9b683861110757062c52b888\
                0a5f6b3936da9cd6c23ef2a95c
                """,
                256: """
                7a4a13e9ef23978e2c520fd4d2e757514ae160cd0cd05e556ef692370ca53076\
                214c0c40d4c728d6ed9e727a5b
                """,
            ],
            exports: [
                "": "4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e",
                "00": "8c1df14732580e5501b00f82b10a1647b40713191b7c1240ac80e2b68808ba69",
                "54657374436f6e74657874": "5acb09211139c43b3090489a9da433e8a30ee7188ba8b0a9a1ccf0c229283e53",
            ]
        ),
        HPKEVector(
            name: "auth",
            ephemeralSeed: "938d3daa5a8904540bc24f48ae90eed3f4f7f11839560597b55e7c9598c996c0",
            ephemeralSecret: "c94619e1af28971c8fa7957192b7e62a71ca2dcdde0a7cc4a8a9e741d600ab13",
            recipientSeed: "64835d5ee64aa7aad57c6f2e4f758f7696617f8829e70bc9ac7a5ef95d1c756c",
            recipientSecret: "3ca22a6d1cda1bb9480949ec5329d3bf0b080ca4c45879c95eddb55c70b80b82",
            recipientPublic: "1a478716d63cb2e16786ee93004486dc151e988b34b475043d3e0175bdb01c44",
            senderSeed: "9d8f94537d5a3ddef71234c0baedfad4ca6861634d0b94c3007fed557ad17df6",
            senderSecret: "2def0cb58ffcf83d1062dd085c8aceca7f4c0c3fd05912d847b61f3e54121f05",
            senderPublic: "f0f4f9e96c54aeed3f323de8534fffd7e0577e4ce269896716bcb95643c8712b",
            encapsulatedKey: "f7674cc8cd7baa5872d1f33dbaffe3314239f6197ddf5ded1746760bfc847e0e",
            sharedSecret: "d2d67828c8bc9fa661cf15a31b3ebf1febe0cafef7abfaaca580aaf6d471e3eb",
            key: "b071fd1136680600eb447a845a967d35e9db20749cdf9ce098bcc4deef4b1356",
            firstNonce: "d20577dff16d7cea2c4bf780",
            exporterSecret: "be2d93b82071318cdb88510037cf504344151f2f9b9da8ab48974d40a2251dd7",
            messages: [
                0: """
                ab1a13c9d4f01a87ec3440dbd756e2677bd2ecf9df0ce7ed73869b98e00c09be\
                111cb9fdf077347aeb88e61bdf
                """,
                1: """
                3265c7807ffff7fdace21659a2c6ccffee52a26d270c76468ed74202a65478bf\
                aedfff9c2b7634e24f10b71016
                """,
                2: """
                3aadee86ad2a05081ea860033a9d09dbccb4acac2ded0891da40f51d4df19925\
                f7a767b076a5cbc9355c8fd35e
                """,
                4: """
                502ecccd5c2be3506a081809cc58b43b94f77cbe37b8b31712d9e21c9e61aa69\
                46a8e922f54eae630f88eb8033
                """,
                255: """
                652e597ba20f3d9241cda61f33937298b1169e6adf72974bbe454297502eb4be\
                132e1c5064702fc165c2ddbde8
                """,
                256: """
                3be14e8b3bbd1028cf2b7d0a691dbbeff71321e7dec92d3c2cfb30a0994ab246\
                af76168480285a60037b4ba13a
                """,
            ],
            exports: [
                "": "070cffafd89b67b7f0eeb800235303a223e6ff9d1e774dce8eac585c8688c872",
                "00": "2852e728568d40ddb0edde284d36a4359c56558bb2fb8837cd3d92e46a3a14a8",
                "54657374436f6e74657874": "1df39dc5dd60edcbf5f9ae804e15ada66e885b28ed7929116f768369a3f950ee",
            ]
        ),
    ]
}
