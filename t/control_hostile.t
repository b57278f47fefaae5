#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Thousands of bodies that are nearly what control takes: each is answered in
# JSON, none is a fault of the server's, and its memory stays what it was.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Mutate;

use JSON::PP ();

use constant {
    BODIES => 4000,
    ROUND => 100,                      # requests on one connection
    MEMORY => 8 * 1024 * 1024,         # that may come of it
};


my $node = Stentor::Node->new(stentor => 'streams 8;', part_duration => '1s',
    segment_parts => 2, window => '12s', log => 'error');
my $m = Stentor::Mutate->new(
    '{"stream":"live/x"}', '{"stream":"live/a-b_c.d"}',
    " {\n \"stream\" : \"live\\/\\u0078\" } ", '{"stream":"dead/x"}', '{}',
    '[{"stream":"live/x"}]', '{"stream":{"stream":["live/x",1.5e3,null]}}');

my (%status, @bad);


# A round of requests; a connection that the node closes is made anew.

sub round() {
    my $c = $node->http();

    for (1 .. ROUND) {
        my $verb = $m->any(qw(open open open close));
        my $body = $m->next();

        $c = $node->http() if $c->{eof};
        $c->post("/control/$verb", $body);
        my $r = $c->response(5);
        my $said = $r ? $r->{status} : 'nothing';

        $status{$said}++;
        next if $said =~ /^(?:200|400|404|409|413|503)$/
                && eval { JSON::PP->new->latin1->decode($r->{body}); 1 };

        $body =~ s/[^ -~]/?/g;
        push(@bad, "$verb $body: $said $r->{body}");
        $c = $node->http();
    }
}


round() for 1 .. 5;
my $before = $node->worker_memory();
round() for 1 .. BODIES / ROUND;

conforms('each body has its answer', @bad);
cmp_ok($status{400} // 0, '>', BODIES / 2, 'most of them: 400');
cmp_ok(($status{200} // 0) + ($status{201} // 0), '>', 10,
       'some were right all the same');
note(join(', ', map { "$_: $status{$_}" } sort keys %status));

# what is freed stays with AddressSanitizer for a while
cmp_ok($node->worker_memory() - $before, '<',
       $ENV{STENTOR_ASAN} ? 64 * MEMORY : MEMORY,
       'workers take no more memory');
cmp_ok(scalar(@{ $node->status()->{streams} }), '<=', 8,
       'there are no more streams than there may be');
$node->done('TERM');
done_testing();
