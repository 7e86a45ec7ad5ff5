using Vigil.Bench;

return args switch
{
    ["storage", .. var rest] => await StorageLoad.RunAsync(Arguments.Of(rest)),
    ["lines", ..] => await LineProtocolLoad.RunAsync(),
    ["broker", .. var rest] => await BrokerLoad.RunAsync(Arguments.Of(rest)),
    ["county", .. var rest] => await CountyLoad.RunAsync(Arguments.Of(rest)),
    ["logins", .. var rest] => await LoginLoad.RunAsync(Arguments.Of(rest)),
    ["mosquitto", .. var rest] => await MosquittoLoad.RunAsync(Arguments.Of(rest)),
    ["rules", .. var rest] => RulesLoad.Run(Arguments.Of(rest)),
    ["decode", .. var rest] => DecodeLoad.Run(Arguments.Of(rest)),
    ["drop", .. var rest] => await BrokerLoad.DropAsync(Arguments.Of(rest)),
    ["seed", .. var rest] => await BrokerLoad.SeedAsync(Arguments.Of(rest).Text("--folder")!, 2000, 4000),
    ["load", .. var rest] => await BrokerLoad.LoadAsync(Arguments.Of(rest)),
    ["import", .. var rest] => await ImportLoad.RunAsync(Arguments.Of(rest)),
    ["notify", .. var rest] => await NotifyLoad.RunAsync(Arguments.Of(rest)),
    ["pages", .. var rest] => await PagesLoad.RunAsync(Arguments.Of(rest)),
    ["search", .. var rest] => await SearchLoad.RunAsync(Arguments.Of(rest)),
    ["soak", "village", .. var rest] => await SoakLoad.VillageAsync(Arguments.Of(rest)),
    ["soak", "broker", .. var rest] => await SoakLoad.BrokerAsync(Arguments.Of(rest)),
    ["silences", var file, .. var rest] => Silences.Run(file, Arguments.Of(rest)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine(
        "vigil-bench storage [--rows 20000000] [--folder PATH] [--checkpoint 64MB] [--influx http://127.0.0.1:8086] [--stored N]   "
            + "readings/s made durable, bytes a reading, a resident's month\n"
            + "vigil-bench broker  [--connections 2000] [--records 10,1] [--seconds 15] [--rounds 3]   "
            + "messages/s durable and through the rules, beside a broker that drops them; SOS latency at that load\n"
            + "vigil-bench county  [--homes 50000] [--minutes 2] [--press 200] [--database sqlite|postgres] [--baseline VIGIL]   "
            + "200,000 devices within 30 s, again and again, and how long a press waits beside them\n"
            + "vigil-bench county  --size FOLDER [--homes 50000] [--hours 80] [--vigil VIGIL]   "
            + "a county with what its rules have learned in so many hours: time to ready, bytes a home, the cost of one changed home; "
            + "FOLDER is made once and used again\n"
            + "vigil-bench logins  [--devices 2000] [--presses 100] [--rounds 3]   "
            + "devices that all come back after a restart, a press among them from the first try to PUBACK\n"
            + "vigil-bench mosquitto [--messages 60000] [--records 10] [--rounds 3]   "
            + "the same at Debian's mosquitto with manual acknowledgement, beside a subscriber that drops\n"
            + "vigil-bench rules   [--homes 1000000] [--devices meters|sensors] [--days 3]   "
            + "bytes a home, snapshot, cost and allocation of a reading, of a tick, lateness of deadlines\n"
            + "vigil-bench decode  [--rounds 5]   nanoseconds and bytes allocated a payload, by format\n"
            + "vigil-bench lines   "
            + "line protocol beside string building and the official client's points, and whole requests; ns and bytes allocated a line\n"
            + "vigil-bench import  [--homes 100000] [--database sqlite|postgres] [--postgres CONNECTION] [--apart yes]   "
            + "a registry of homes with four devices and two contacts: time, homes/s, memory, how long a press waits beside it\n"
            + "vigil-bench notify  [--alarms 4000] [--storm 10000] [--seconds 20] [--postgres CONNECTION]   "
            + "due steps/s, a storm, SOS published → provider's request at half of ingest's most\n"
            + "vigil-bench search  [--homes 1000000] [--database sqlite|postgres] [--rounds 300]   "
            + "the console's search for what people type, and which homes are protected now: time and memory\n"
            + "vigil-bench pages   [--homes 100000] [--database sqlite|postgres] [--rounds 40] [--only TEXT] [--folder PATH]   "
            + "every page and list of the console, one request at a time, for a county and for one of its towns\n"
            + "vigil-bench soak village [--hours 72] [--speed 720] [--residents 99] [--postgres yes]   "
            + "the demo's village and its phones on a fast clock: memory, files, handles, deadlines; adds to bench/reports/soak.md\n"
            + "vigil-bench soak broker  [--minutes 120] [--rate 7700] [--records 10] [--connections 2000] [--press 1000] "
            + "[--postgres yes]   a steady load by the wall clock, presses that a desk answers\n"
            + "vigil-bench silences HOUSEHOLDS.csv.gz [--part tuning|held-out] [--homes lived-in|all] [--fit yes]   "
            + "methods to notice a silence, false alarms against delay"
    );
    return 2;
}
