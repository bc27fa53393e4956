// Made by npm run clients of the OpenAPI documents; not to be edited.

export interface paths {
    "/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open an account
         * @description A form gets an envelope `{HTTPResponse, data, message}`, in which every number is a string; a refused order then has the status of the first broken rule: 425 for a duplicate, 403 for a closed market, too little cash or too few shares, else 400.
         */
        post: operations["openAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/accounts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the cash and the positions of an account */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/accounts/{id}/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List every change of the cash and the shares of an account, oldest first */
        get: operations["listLedger"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/accounts/{id}/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the orders of an account, accepted and refused, oldest first */
        get: operations["listAccountOrders"];
        put?: never;
        /**
         * Place an order, or a batch of orders
         * @description With `Prefer: handling=strict` a refused order is a problem, 409 for a duplicate and else 422. A form gets an envelope `{HTTPResponse, data, message}`, in which every number is a string; a refused order then has the status of the first broken rule: 425 for a duplicate, 403 for a closed market, too little cash or too few shares, else 400.
         */
        post: operations["placeOrders"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/billing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Post an order
         * @description Responds once the message is durable in the queue, whether or not billing runs; billing stores it as exactly one order. Supports Idempotency-Key; with `Prefer: respond-async` the response is 202 with the location of the order.
         */
        post: operations["postOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/movies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List movies in the order of their ids, all or those whose title contains a text */
        get: operations["listMovies"];
        put?: never;
        /** Add a movie */
        post: operations["addMovie"];
        /** Delete all movies */
        delete: operations["deleteAllMovies"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/movies/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a movie */
        get: operations["getMovie"];
        /**
         * Change the title or the description of a movie
         * @description Supports If-Match.
         */
        put: operations["changeMovie"];
        post?: never;
        /**
         * Delete a movie
         * @description Supports If-Match.
         */
        delete: operations["deleteMovie"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List orders, in the order in which they were stored */
        get: operations["listOrders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get an order */
        get: operations["getOrder"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/by-message/{message_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the order that a message has become
         * @description 404 for as long as the message waits, and when there is none.
         */
        get: operations["getOrderOfMessage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/certificates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the X.509 certificates of all users by their expiry, earliest first */
        get: operations["listCertificates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/guid": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Register a generated GUID */
        post: operations["registerGeneratedGuid"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/guid/{guid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a GUID */
        get: operations["getGuid"];
        put?: never;
        /** Register this GUID */
        post: operations["registerGuid"];
        /**
         * Delete a GUID
         * @description Supports If-Match.
         */
        delete: operations["deleteGuid"];
        options?: never;
        head?: never;
        /**
         * Change the user or the expiry of a GUID
         * @description Supports If-Match. With `Prefer: respond-async` the response is 202 and the change is made later.
         */
        patch: operations["changeGuid"];
        trace?: never;
    };
    "/guids": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List GUIDs in the order of their expiry */
        get: operations["listGuids"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The state of each service */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Does the process run? */
        get: operations["getLiveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Does everything that is needed respond? */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/market": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get whether the market is open, and its next opening and closing */
        get: operations["getMarket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics of the service */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/operations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get an operation that was accepted with 202 */
        get: operations["getOperation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add a user */
        post: operations["addUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a user */
        get: operations["getUser"];
        put?: never;
        post?: never;
        /**
         * Delete a user and its certificates
         * @description Supports If-Match.
         */
        delete: operations["deleteUser"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}/certificates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the certificates of a user, oldest first */
        get: operations["listCertificatesOfUser"];
        put?: never;
        /**
         * Add a certificate with its private key
         * @description The private key is stored encrypted and never returned. If the body is X.509, the key must belong to it.
         */
        post: operations["addCertificate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}/certificates/{cid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a certificate, with its X.509 fields if it has any */
        get: operations["getCertificate"];
        put?: never;
        post?: never;
        /**
         * Delete a certificate and its private key
         * @description Supports If-Match.
         */
        delete: operations["deleteCertificate"];
        options?: never;
        head?: never;
        /**
         * Activate or deactivate a certificate
         * @description With `notify` the receiver of notifications is notified, later if it is down. Supports If-Match.
         */
        patch: operations["changeCertificate"];
        trace?: never;
    };
    "/users/{id}/certificates/{cid}/active": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Activate or deactivate a certificate
         * @description With `notify` the receiver of notifications is notified, later if it is down. Supports If-Match.
         */
        patch: operations["setCertificateActive"];
        trace?: never;
    };
    "/users/{id}/certificates/{cid}/notifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the notifications of a certificate with their delivery attempts, oldest first */
        get: operations["listNotifications"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Verify a password
         * @description Returns the id of the user with this email and password. An unknown email and a wrong password get the same response.
         */
        post: operations["verifyPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** Account */
        Account: {
            /** @description An exact decimal, which may have more digits than a double. */
            cash: number;
            id: number;
            /** @description In the order in which the positions were opened. */
            issuers: components["schemas"]["Position"][];
        };
        /** Active */
        Active: {
            active: boolean;
            id: number;
        };
        /** ActiveChange */
        ActiveChange: {
            /** @description Whether the certificate is active. */
            active: boolean;
            /** @description Whether to notify the receiver of notifications. */
            notify?: boolean;
        };
        /** BillingOrder */
        BillingOrder: {
            id: number;
            /** @description How many items were ordered: at least 1. */
            number_of_items: string;
            /** @description What the order costs: at most 15 digits before the point and 6 after it, kept as they are. */
            total_amount: string;
            /** @description Who ordered. */
            user_id: string;
        };
        /** BusinessError */
        BusinessError: "INVALID_OPERATION" | "CLOSED_MARKET" | "DUPLICATED_OPERATION" | "INSUFFICIENT_BALANCE" | "INSUFFICIENT_STOCKS";
        /** Certificate */
        Certificate: {
            active: boolean;
            body: string;
            id: number;
            x509?: components["schemas"]["X509"];
        };
        /** CertificateId */
        CertificateId: {
            id: number;
            user_id: number;
        };
        /** ExpiringCertificate */
        ExpiringCertificate: {
            active: boolean;
            id: number;
            user_id: number;
            x509: components["schemas"]["X509"];
        };
        /** Greeting */
        Greeting: {
            message: string;
        };
        /** Guid */
        Guid: {
            /** @description Unix time in seconds. */
            expire: string;
            guid: string;
            user: string;
        };
        /** GuidPatch */
        GuidPatch: {
            /** @description Unix time in seconds at which the GUID expires, as a string of digits or as an integer; by default 30 days from now. */
            expire?: string | number;
            /** @description Ignored when it is the one in the path. */
            guid?: string;
            /** @description The owner of the GUID. */
            user?: string;
        };
        /** Health */
        Health: {
            /** @enum {number} */
            api: 1;
            database: 1 | 0;
        };
        /** Id */
        Id: {
            id: number;
        };
        /** LedgerEntry */
        LedgerEntry: {
            /** @description The change of the cash: negative for a purchase. An exact decimal, which may have more digits than a double. */
            amount: number;
            /** @description The balance after the entry: the sum of the amounts so far. */
            cash: number;
            /** @description The id of the order; 0 for the opening. */
            id: number;
            issuer_name?: string;
            kind: "OPENING" | "BUY" | "SELL";
            /** @description Unix time in seconds. */
            recorded_at: number;
            /** @description The change of the shares: negative for a sale. */
            shares: number;
        };
        /** ListedCertificate */
        ListedCertificate: {
            active: boolean;
            body: string;
            id: number;
        };
        /** Liveness */
        Liveness: {
            /** @enum {string} */
            status: "live";
        };
        /** Login */
        Login: {
            /** @description Unique among users, without regard to case. */
            email: string;
            /** @description Stored as an argon2id hash and never returned. */
            password: string;
        };
        /** Market */
        Market: {
            is_open: boolean;
            next_close: string | null;
            /** @description Null for a market that never closes. */
            next_open: string | null;
        };
        /** Movie */
        Movie: {
            description: string;
            id: number;
            title: string;
        };
        /** MoviePatch */
        MoviePatch: {
            /** @description The description of the movie. */
            description?: string;
            /** @description Ignored when it is the one in the path. */
            id?: number;
            /** @description The title of the movie. */
            title?: string;
        };
        /** NewAccount */
        NewAccount: {
            /** @description The opening balance: 0 to 9000000000000, with at most 6 decimals. */
            cash: number | string;
        };
        /** NewBillingOrder */
        NewBillingOrder: {
            /** @description How many items were ordered: at least 1. */
            number_of_items: string | number;
            /** @description What the order costs: at most 15 digits before the point and 6 after it, kept as they are. */
            total_amount: string | number;
            /** @description Who ordered. */
            user_id: string | number;
        };
        /** NewCertificate */
        NewCertificate: {
            /** @description Whether the certificate is active. */
            active: boolean;
            /** @description An X.509 certificate in PEM, or in DER as base64; or any other text. */
            body: string;
            /** @description The bytes of the private key in base64. Stored encrypted and never returned. */
            private_key: string;
        };
        /** NewGuid */
        NewGuid: {
            /** @description Unix time in seconds at which the GUID expires, as a string of digits or as an integer; by default 30 days from now. */
            expire?: string | number;
            /** @description The owner of the GUID. */
            user: string;
        };
        /** NewMovie */
        NewMovie: {
            /** @description The description of the movie. */
            description: string;
            /** @description The title of the movie. */
            title: string;
        };
        /** NewOrder */
        NewOrder: {
            /** @description Makes the order idempotent: the account accepts one order for each; a repetition gets the first outcome. */
            client_order_id?: string;
            /** @description Case-sensitive: names that differ in case are two issuers. */
            issuer_name: string;
            /** @description BUY or SELL, in either case. */
            operation: string;
            /** @description Positive, with at most 6 decimals. */
            share_price: number | string;
            /** @description Unix time in seconds; from 1e11 up, in milliseconds. */
            timestamp: number | string;
            /** @description A positive integer. */
            total_shares: number | string;
        };
        /** NewUser */
        NewUser: {
            /** @description Unique among users, without regard to case. */
            email: string;
            /** @description The name of the user. */
            name: string;
            /** @description Stored as an argon2id hash and never returned. */
            password: string;
        };
        /** Notification */
        Notification: {
            attempts: {
                /** Format: date-time */
                at: string;
                /** @description Why there was no response. */
                error?: string;
                /** @description The status of the response. */
                status?: number;
            }[];
            /** @description The body sent to the receiver. */
            body: Record<string, never>;
            /** Format: date-time */
            created_at: string;
            event: "certificate.active_changed" | "certificate.expiring";
            /** @description The X-Delivery-Id sent to the receiver. */
            id: string;
            status: "pending" | "delivered" | "failed" | "skipped";
        };
        /** Operation */
        Operation: {
            id: string;
            /** @description Why the operation failed, as a problem document. */
            problem?: Record<string, never>;
            result?: components["schemas"]["Guid"];
            status: "pending" | "succeeded" | "failed";
        };
        /** Order */
        Order: {
            business_errors: components["schemas"]["BusinessError"][];
            client_order_id?: string;
            /** @description What is wrong, by field. */
            errors?: {
                [key: string]: string;
            };
            /** @description The number of the order within the account, from 1. */
            id: number;
            issuer_name: string;
            operation: string;
            /** @description Unix time in seconds, by the clock of the server. */
            received_at: number;
            /** @description An exact decimal, which may have more digits than a double. */
            share_price: number;
            status: "accepted" | "refused";
            /** @description Unix time in seconds, as in the order. */
            timestamp: number;
            total_shares: number;
        };
        /** Outcome */
        Outcome: {
            /** @description All rules that the order breaks; empty when it was applied. */
            business_errors: components["schemas"]["BusinessError"][];
            current_balance: {
                /** @description An exact decimal, which may have more digits than a double. */
                cash: number;
                /** @description In the order in which the positions were opened. */
                issuers: components["schemas"]["Position"][];
            };
        };
        /** Position */
        Position: {
            /** @description The average cost of the shares held, to 6 decimals. */
            average_cost: number;
            issuer_name: string;
            /** @description The price of the last trade. An exact decimal, which may have more digits than a double. */
            share_price: number;
            total_shares: number;
        };
        /** Posted */
        Posted: {
            /** @enum {string} */
            message: "Message posted";
            /** @description The order is at /api/orders/by-message/{message_id}. */
            message_id: string;
        };
        /**
         * Problem
         * @description A problem document (RFC 9457).
         */
        Problem: {
            detail: string;
            errors?: {
                [key: string]: string;
            };
            /** @description The id of the request, under which the log has more. */
            instance: string;
            status: number;
            title: string;
            type: string;
        };
        /** Readiness */
        Readiness: {
            dependencies: {
                [key: string]: "up";
            };
            /** @enum {string} */
            status: "ready";
        };
        /** ServiceHealth */
        ServiceHealth: {
            circuit: "closed" | "open" | "half-open";
            /** @description Duration of the health check. */
            latency_ms: number;
            status: "up" | "down";
        };
        /** SystemHealth */
        SystemHealth: {
            services: {
                [key: string]: components["schemas"]["ServiceHealth"];
            };
            /** @description degraded while a service is down */
            status: "ok" | "degraded";
        };
        /** User */
        User: {
            email: string;
            id: number;
            name: string;
        };
        /** X509 */
        X509: {
            fingerprint_sha256: string;
            issuer: string;
            key_type: string;
            /** Format: date-time */
            not_after: string;
            /** Format: date-time */
            not_before: string;
            serial_number: string;
            subject: string;
            subject_alternative_names: string[];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Account = components['schemas']['Account'];
export type Active = components['schemas']['Active'];
export type ActiveChange = components['schemas']['ActiveChange'];
export type BillingOrder = components['schemas']['BillingOrder'];
export type BusinessError = components['schemas']['BusinessError'];
export type Certificate = components['schemas']['Certificate'];
export type CertificateId = components['schemas']['CertificateId'];
export type ExpiringCertificate = components['schemas']['ExpiringCertificate'];
export type Greeting = components['schemas']['Greeting'];
export type Guid = components['schemas']['Guid'];
export type GuidPatch = components['schemas']['GuidPatch'];
export type Health = components['schemas']['Health'];
export type Id = components['schemas']['Id'];
export type LedgerEntry = components['schemas']['LedgerEntry'];
export type ListedCertificate = components['schemas']['ListedCertificate'];
export type Liveness = components['schemas']['Liveness'];
export type Login = components['schemas']['Login'];
export type Market = components['schemas']['Market'];
export type Movie = components['schemas']['Movie'];
export type MoviePatch = components['schemas']['MoviePatch'];
export type NewAccount = components['schemas']['NewAccount'];
export type NewBillingOrder = components['schemas']['NewBillingOrder'];
export type NewCertificate = components['schemas']['NewCertificate'];
export type NewGuid = components['schemas']['NewGuid'];
export type NewMovie = components['schemas']['NewMovie'];
export type NewOrder = components['schemas']['NewOrder'];
export type NewUser = components['schemas']['NewUser'];
export type Notification = components['schemas']['Notification'];
export type Operation = components['schemas']['Operation'];
export type Order = components['schemas']['Order'];
export type Outcome = components['schemas']['Outcome'];
export type Position = components['schemas']['Position'];
export type Posted = components['schemas']['Posted'];
export type Problem = components['schemas']['Problem'];
export type Readiness = components['schemas']['Readiness'];
export type ServiceHealth = components['schemas']['ServiceHealth'];
export type SystemHealth = components['schemas']['SystemHealth'];
export type User = components['schemas']['User'];
export type X509 = components['schemas']['X509'];
export type $defs = Record<string, never>;
export interface operations {
    openAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "cash": 1000
                 *     }
                 */
                "application/json": components["schemas"]["NewAccount"];
                /**
                 * @example {
                 *       "cash": 1000
                 *     }
                 */
                "application/x-www-form-urlencoded": components["schemas"]["NewAccount"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the account.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listLedger: {
        parameters: {
            query?: {
                /** @description The position at which the page starts, taken from a Link header. */
                cursor?: string;
                /** @description The most that a page holds; 100 by default. */
                limit?: number;
            };
            header?: never;
            path: {
                /**
                 * @description The id of the account.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerEntry"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAccountOrders: {
        parameters: {
            query?: {
                /** @description The position at which the page starts, taken from a Link header. */
                cursor?: string;
                /** @description The most that a page holds; 100 by default. */
                limit?: number;
            };
            header?: never;
            path: {
                /**
                 * @description The id of the account.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    placeOrders: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The id of the account.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        /** @description An order; or, as JSON, a batch of orders, which are applied one by one in sequence. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewOrder"] | components["schemas"]["NewOrder"][];
                "application/x-www-form-urlencoded": components["schemas"]["NewOrder"] | components["schemas"]["NewOrder"][];
            };
        };
        responses: {
            /** @description The outcome of the order, or of each order of a batch. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Outcome"] | components["schemas"]["Outcome"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Payload Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postOrder: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "user_id": "3",
                 *       "number_of_items": "5",
                 *       "total_amount": "180"
                 *     }
                 */
                "application/json": components["schemas"]["NewBillingOrder"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Posted"];
                };
            };
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Posted"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Payload Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listMovies: {
        parameters: {
            query?: {
                /** @description The position at which the page starts, taken from a Link header. */
                cursor?: string;
                /** @description The most that a page holds; 100 by default. */
                limit?: number;
                /** @description Only movies whose title contains this, in capitals or not. */
                title?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Movie"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    addMovie: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "title": "Metropolis",
                 *       "description": "A city in two halves."
                 *     }
                 */
                "application/json": components["schemas"]["NewMovie"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Movie"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteAllMovies: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        deleted: number;
                        /** @enum {string} */
                        message: "all deleted";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getMovie: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The number that the movie was given.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Movie"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeMovie: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The number that the movie was given.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "title": "Metropolis (restored)"
                 *     }
                 */
                "application/json": components["schemas"]["MoviePatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Movie"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteMovie: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The number that the movie was given.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: number;
                        /** @enum {string} */
                        message: "deleted";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listOrders: {
        parameters: {
            query?: {
                /** @description The position at which the page starts, taken from a Link header. */
                cursor?: string;
                /** @description The most that a page holds; 100 by default. */
                limit?: number;
                /** @description Who ordered. */
                user_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BillingOrder"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOrder: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of an order. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 1,
                     *       "user_id": "3",
                     *       "number_of_items": "5",
                     *       "total_amount": "180"
                     *     }
                     */
                    "application/json": components["schemas"]["BillingOrder"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOrderOfMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description As answered by POST /api/billing. */
                message_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": 1,
                     *       "user_id": "3",
                     *       "number_of_items": "5",
                     *       "total_amount": "180"
                     *     }
                     */
                    "application/json": components["schemas"]["BillingOrder"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listCertificates: {
        parameters: {
            query?: {
                /** @description The position at which the page starts, taken from a Link header. */
                cursor?: string;
                /** @description Lists only those that expire before: Unix time in seconds, a date, or an RFC 3339 time. */
                expiring_before?: string;
                /** @description The most that a page holds; 100 by default. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExpiringCertificate"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    registerGeneratedGuid: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "user": "ada",
                 *       "expire": "1999999999"
                 *     }
                 */
                "application/json": components["schemas"]["NewGuid"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Guid"];
                };
            };
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getGuid: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description 32 upper-case hexadecimal characters, or dashed as in RFC 9562 in either case.
                 * @example 5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A
                 */
                guid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Guid"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    registerGuid: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description 32 upper-case hexadecimal characters, or dashed as in RFC 9562 in either case.
                 * @example 5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A
                 */
                guid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "user": "ada",
                 *       "expire": "1999999999"
                 *     }
                 */
                "application/json": components["schemas"]["NewGuid"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Guid"];
                };
            };
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteGuid: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description 32 upper-case hexadecimal characters, or dashed as in RFC 9562 in either case.
                 * @example 5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A
                 */
                guid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeGuid: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description 32 upper-case hexadecimal characters, or dashed as in RFC 9562 in either case.
                 * @example 5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A
                 */
                guid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "expire": "1999999999"
                 *     }
                 */
                "application/json": components["schemas"]["GuidPatch"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Guid"];
                };
            };
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listGuids: {
        parameters: {
            query?: {
                /** @description The position at which the page starts, taken from a Link header. */
                cursor?: string;
                /** @description Only GUIDs that expire before this Unix time in seconds. */
                expiring_before?: string;
                /** @description The most that a page holds; 100 by default. */
                limit?: number;
                /** @description Only GUIDs of this user. */
                user?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Guid"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SystemHealth"];
                };
            };
        };
    };
    getLiveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Liveness"];
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getMarket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Market"];
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Text in the format of Prometheus */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    getOperation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id in the Location header of the 202 response. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    addUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "John Smith",
                 *       "email": "jsmith@example.com",
                 *       "password": "correct horse"
                 *     }
                 */
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Id"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An integer.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An integer.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listCertificatesOfUser: {
        parameters: {
            query?: {
                /** @description true lists active certificates only; false and absent list all. */
                active?: "true" | "false";
                /** @description The position at which the page starts, taken from a Link header. */
                cursor?: string;
                /** @description The most that a page holds; 100 by default. */
                limit?: number;
            };
            header?: never;
            path: {
                /**
                 * @description An integer.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListedCertificate"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    addCertificate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An integer.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "private_key": "dGhlIGJ5dGVzIG9mIGEga2V5",
                 *       "active": true,
                 *       "body": "test body"
                 *     }
                 */
                "application/json": components["schemas"]["NewCertificate"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CertificateId"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getCertificate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An integer.
                 * @example 1
                 */
                cid: string;
                /**
                 * @description An integer.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Certificate"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteCertificate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An integer.
                 * @example 1
                 */
                cid: string;
                /**
                 * @description An integer.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeCertificate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An integer.
                 * @example 1
                 */
                cid: string;
                /**
                 * @description An integer.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "active": false,
                 *       "notify": true
                 *     }
                 */
                "application/json": components["schemas"]["ActiveChange"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Active"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    setCertificateActive: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description An integer.
                 * @example 1
                 */
                cid: string;
                /**
                 * @description An integer.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "active": false,
                 *       "notify": true
                 *     }
                 */
                "application/json": components["schemas"]["ActiveChange"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Active"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNotifications: {
        parameters: {
            query?: {
                /** @description The position at which the page starts, taken from a Link header. */
                cursor?: string;
                /** @description The most that a page holds; 100 by default. */
                limit?: number;
            };
            header?: never;
            path: {
                /**
                 * @description An integer.
                 * @example 1
                 */
                cid: string;
                /**
                 * @description An integer.
                 * @example 1
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Notification"][];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    verifyPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "jsmith@example.com",
                 *       "password": "correct horse"
                 *     }
                 */
                "application/json": components["schemas"]["Login"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Id"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
